"""The configuration of a run: its `sections`, and `reading` them from presets and files."""

from projgan.config.reading import (
    check_config,
    differing_keys,
    dump_config,
    explain,
    load_config,
    preset_names,
    read_preset,
)
from projgan.config.sections import (
    CLASSIFYING,
    RESUMABLE_KEYS,
    Architecture,
    DataConfig,
    DiscriminatorConfig,
    EvaluationConfig,
    FinetuningConfig,
    GeneratorConfig,
    LossConfig,
    OptimizerConfig,
    RunConfig,
    SamplingConfig,
    TrainingConfig,
)

__all__ = [
    "CLASSIFYING",
    "RESUMABLE_KEYS",
    "Architecture",
    "DataConfig",
    "DiscriminatorConfig",
    "EvaluationConfig",
    "FinetuningConfig",
    "GeneratorConfig",
    "LossConfig",
    "OptimizerConfig",
    "RunConfig",
    "SamplingConfig",
    "TrainingConfig",
    "check_config",
    "differing_keys",
    "dump_config",
    "explain",
    "load_config",
    "preset_names",
    "read_preset",
]
