"""The configuration of a run: its `sections`, all of them (`run_config`), and `reading` it from files."""

from projgan.config.reading import (
    as_words_of_their_own,
    check_config,
    differing_keys,
    dump_config,
    explain,
    load_config,
    preset_names,
    read_preset,
)
from projgan.config.run_config import CLASSIFYING, MEETING_HEADS, MEETING_IMAGES, RESUMABLE_KEYS, RunConfig
from projgan.config.sections import (
    Architecture,
    DataConfig,
    DiscriminatorConfig,
    EvaluationConfig,
    FinetuningConfig,
    Fit,
    GeneratorConfig,
    LossConfig,
    OptimizerConfig,
    SamplingConfig,
    TrainingConfig,
)

__all__ = [
    "CLASSIFYING",
    "MEETING_HEADS",
    "MEETING_IMAGES",
    "RESUMABLE_KEYS",
    "Architecture",
    "DataConfig",
    "DiscriminatorConfig",
    "EvaluationConfig",
    "FinetuningConfig",
    "Fit",
    "GeneratorConfig",
    "LossConfig",
    "OptimizerConfig",
    "RunConfig",
    "SamplingConfig",
    "TrainingConfig",
    "as_words_of_their_own",
    "check_config",
    "differing_keys",
    "dump_config",
    "explain",
    "load_config",
    "preset_names",
    "read_preset",
]
