"""The sections of a run's configuration: every setting, with what it may be.

The same classes check the command line, a YAML file and the configuration stored in a run directory.
`None` means off. Progress and every cadence are counted in steps: one step is one generator update and
`training.discriminator_updates` discriminator updates.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from projgan.config.own_names import CLASSIFYING_OWN, OWN_LOSSES, or_own
from projgan.files import without_detours
from projgan.networks.shapes import DISCRIMINATORS, GENERATORS, RESOLUTIONS, SUPER_RESOLUTION


def _number(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _none(value: object) -> object:
    word = value[0] if isinstance(value, list | tuple) and len(value) == 1 else value
    return None if isinstance(word, str) and word.lower() in {"none", "null"} else value


Number = BeforeValidator(_number)
"""A command line gives text where YAML gives a number; choices among numbers need to be told."""
MayBeOff = BeforeValidator(_none)
"""`None` on a command line is the word; in YAML it is null."""
if TYPE_CHECKING:
    Architecture = str
    GeneratorArchitecture = str
    DiscriminatorArchitecture = str
    Resolution = int
else:  # the table is the list, for people as for pydantic
    Architecture = Literal[*DISCRIMINATORS, *SUPER_RESOLUTION]
    GeneratorArchitecture = Literal[*GENERATORS, *SUPER_RESOLUTION]
    DiscriminatorArchitecture = Literal[Architecture, "projected"]
    Resolution = Literal[*RESOLUTIONS]
Condition = Annotated[
    Literal[
        "projection",
        "input-concat",
        "hidden-concat",
        "output-concat",
        "ac-gan",
        "tac-gan",
        "adc-gan",
        "d2d-ce",
        "multi-hinge",
        "unconditional",
    ],
    or_own(CLASSIFYING_OWN),
]
Positive = Annotated[int, Field(gt=0)]
Width = Annotated[int, Field(gt=0, le=4096)]
Cosine = Annotated[float, Field(ge=-1, le=1)]
Augmentation = Literal["colour", "translation", "cutout"]
Fit = Literal["crop", "pad", "stretch"]
DataCondition = Literal["class", "multi-hot", "vector", "low-resolution"]
BatchSize = Annotated[int, Field(gt=0, le=1_000_000)]


class Section(BaseModel):
    """A frozen group of settings that refuses unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, use_attribute_docstrings=True
    )


class DataConfig(Section):
    """Which images, and what happens to one between the disk and the discriminator."""

    source: Annotated[Annotated[str, Field(min_length=1)] | None, MayBeOff] = None
    """Folder, archive, Parquet, .npz, packed store, `hf:USER/DATASET` or `digits`; `--data` for short."""
    split: Annotated[str | None, MayBeOff] = None
    """Part of the data to use, such as `train`; None takes the training part where there are several."""
    condition: DataCondition = "class"
    """What labels an image: one class, several, a vector of numbers, or itself at low resolution."""
    condition_columns: Annotated[tuple[Annotated[str, Field(min_length=1)], ...] | None, MayBeOff] = None
    """Columns of several classes or of the vector; None takes all that the data has."""
    resolution: Annotated[Resolution, Number] = 32
    """Height and width in pixels; images of other sizes are brought to it as `fit` says."""
    fit: Fit = "crop"
    """What becomes of images that are not square: their centre square is kept (`crop`), all of them on black
    (`pad`), or all of them, out of shape (`stretch`)."""
    balance: Annotated[Literal["classes"] | None, MayBeOff] = None
    """`classes` shows each class equally often, however many images it has; None each image equally often.
    Generated images are of each class equally often either way."""
    channels: Annotated[Literal[1, 3], Number] = 3
    """1 for grey, 3 for RGB; images of the other kind are converted."""
    horizontal_flip: bool = False
    """Mirror each image with probability one half."""
    random_crop: Annotated[Annotated[float, Field(ge=0.5, le=1)] | None, MayBeOff] = None
    """Take a random square of this share of the side (the paper's dogs and cats: 0.9); None for none."""
    dequantize: bool = True
    """Add uniform noise of one grey level to real images at every access, as the paper does."""
    on_unreadable: Literal["error", "skip"] = "error"
    """What to do about images that cannot be decoded; `--on-unreadable` for short."""
    cache: Annotated[Annotated[Path, AfterValidator(without_detours)] | None, MayBeOff] = None
    """Folder in which decoded images are kept between runs; None is `~/.cache/projgan`."""


class GeneratorConfig(Section):
    """The generator."""

    architecture: GeneratorArchitecture = "resnet-32"
    """Row of the table of widths."""
    width: Annotated[Width | None, MayBeOff] = None
    """Base width instead of the table's."""
    latent_size: Width = 128
    """Length of a latent vector, drawn from N(0, I); of super-resolution, channels of each map of noise."""
    condition: Annotated[Literal["conditional-batch-norm", "adain", "input"] | None, MayBeOff] = (
        "conditional-batch-norm"
    )
    """How the generator uses the label: statistics of the batch, or of each image alone (adaptive instance
    norm); `input` is an image, for super-resolution; None for an unconditional generator."""


class DiscriminatorConfig(Section):
    """The discriminator."""

    architecture: DiscriminatorArchitecture = "resnet-32"
    """Row of the table of widths; or `projected`, which looks at images through a pretrained network."""
    width: Annotated[Width | None, MayBeOff] = None
    """Base width instead of the table's."""
    condition: Condition = "projection"
    """How the discriminator uses the label."""
    hidden_block: Annotated[Positive | None, MayBeOff] = None
    """Block after which `hidden-concat` joins, counted from 1; None is the paper's for this architecture."""
    embedding_size: Width = 128
    """Entries of the embedded label in `hidden-concat` and `output-concat`, of the image in `d2d-ce`."""
    quadratic_term: bool = False
    """Add a quadratic form of the condition to `projection`, for several classes or a vector (equation 7)."""
    features: Annotated[str, Field(min_length=1)] = "imagenet"
    """Network that `projected` looks through: `imagenet` of the extra `pretrained`, or `imagenet:FILE`."""
    input_size: Annotated[int, Field(ge=32, le=512, multiple_of=32)] = 224
    """Height and width to which images are brought for that network."""
    image_head: bool = False
    """Let a fifth head of `projected` judge the image itself, reduced, beside those that look through it."""
    augmentation: Annotated[tuple[Augmentation, ...] | None, MayBeOff] = None
    """Random changes of real and generated images alike before the discriminator sees them, in this order."""
    augmentation_strength: Annotated[float, Field(ge=0, le=2)] = 1.0
    """Of these changes; 1 is DiffAugment's."""


class LossConfig(Section):
    """What the two networks minimise."""

    adversarial: Annotated[Literal["hinge", "standard"], or_own(OWN_LOSSES)] = "hinge"
    """Hinge, or the standard (softplus) loss that the derivation starts from."""
    class_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    """Weight of the classification error of `ac-gan`, `tac-gan`, `adc-gan` and `d2d-ce` (ReACGAN's: 0.5)."""
    positive_margin: Cosine = 0.98
    """Cosine between an image and its class above which `d2d-ce` adds no loss."""
    negative_margin: Cosine = 0.02
    """Cosine between images of two classes below which `d2d-ce` adds no loss."""
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.5
    """What cosines are divided by in `d2d-ce`."""
    lecam_weight: Annotated[Annotated[float, Field(gt=0, allow_inf_nan=False)] | None, MayBeOff] = None
    """Weight of LeCam's regularisation of the discriminator; None for none."""
    lecam_decay: Annotated[float, Field(gt=0, lt=1)] = 0.99
    """Decay of its moving averages of logits."""


class FinetuningConfig(Section):
    """Continuing another run with a classifier as a guide; `projgan finetune` fills it in."""

    classifier_weight: Annotated[Annotated[float, Field(ge=0, allow_inf_nan=False)] | None, MayBeOff] = None
    """Weight of the classifier's cross-entropy in the generator's loss; None for no fine-tuning."""
    classifier: Annotated[Path | None, MayBeOff] = None
    """The file of the classifier, which stays as it is."""
    imagenet_classes: Annotated[tuple[str, ...] | None, MayBeOff] = None
    """Synsets that the run's classes are, in their order, where it is the pretrained one of ILSVRC2012."""
    classifier_sha256: Annotated[str | None, MayBeOff] = None
    """Checksum of that file."""
    run: Annotated[Path | None, MayBeOff] = None
    """Run directory whose checkpoint this run starts from."""
    step: Annotated[Positive | None, MayBeOff] = None
    """Step of that checkpoint."""
    checkpoint_sha256: Annotated[str | None, MayBeOff] = None
    """Checksum of that checkpoint."""

    @model_validator(mode="after")
    def _all_or_nothing(self) -> "FinetuningConfig":
        keys = FinetuningConfig.model_fields.keys() - {"imagenet_classes"}
        given = [getattr(self, key) is not None for key in keys]
        if any(given) and not all(given):
            raise ValueError(
                "finetuning: its keys go together; let `projgan finetune RUN --classifier FILE` give them"
            )
        return self


class OptimizerConfig(Section):
    """Adam, the same for both networks but for the learning rate, if so wanted."""

    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 2e-4
    """Adam's alpha before any decay."""
    discriminator_learning_rate: Annotated[
        Annotated[float, Field(gt=0, allow_inf_nan=False)] | None, MayBeOff
    ] = None
    """The discriminator's (two time scales); None is that of the generator."""
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.0, 0.9)
    """Adam's beta1 and beta2; the paper's code has 0.0 and 0.9 everywhere."""
    epsilon: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-8
    """Adam's epsilon."""
    decay_start: Annotated[Annotated[int, Field(ge=0)] | None, MayBeOff] = None
    """Step at which the learning rate begins to fall linearly; None for no decay."""
    decay_end: Annotated[Positive | None, MayBeOff] = None
    """Step at which it would reach zero."""

    @model_validator(mode="after")
    def _decay_has_both_ends(self) -> "OptimizerConfig":
        if (self.decay_start is None) != (self.decay_end is None):
            raise ValueError(
                "optimizer.decay_start and optimizer.decay_end go together: give both or neither"
            )
        if self.decay_start is not None and self.decay_end is not None and self.decay_end <= self.decay_start:
            raise ValueError(
                f"optimizer.decay_end ({self.decay_end}) must be after "
                f"optimizer.decay_start ({self.decay_start}): lower the start too"
            )
        return self


class TrainingConfig(Section):
    """How long, how much at a time, and what is kept."""

    steps: Positive = 50_000
    """Generator updates in all."""
    batch_size: BatchSize = 64
    """Real images of one discriminator update, over all processes together."""
    generator_batch_size: Annotated[BatchSize | None, MayBeOff] = None
    """Generated images of one generator update, over all processes; None is twice `batch_size`."""
    start_from: Annotated[Annotated[str, Field(min_length=1)] | None, MayBeOff] = None
    """A run, a generator's file or a published model (`hf:USER/NAME` too) to start from; None for none."""
    earlier_teachers: tuple[Annotated[str, Field(pattern="^[0-9a-f]{64}$")], ...] = ()
    """Checksums of networks that the weights it starts from were trained against; it finds them itself."""
    discriminator_updates: Annotated[int, Field(gt=0, le=1000)] = 5
    """Discriminator updates of one step (the paper's n_dis)."""
    ema_decay: Annotated[Annotated[float, Field(gt=0, lt=1)] | None, MayBeOff] = None
    """Keep an exponential moving average of the generator with this decay and use it for samples."""
    batch_norm_statistics: Literal["per-rank", "shared"] = "per-rank"
    """Over which images several processes compute batch-norm statistics; the paper's are per rank."""
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    """Arithmetic of the networks in training: float32; the same, but a GPU rounds what it multiplies to ten
    bits of fraction; or bfloat16, seven bits. Parameters, losses and samples stay in float32."""
    acceleration: Literal["auto", "none"] = "auto"
    """Faster algorithms for the same numbers, or none of them: every operation as the paper writes it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; `auto` takes a GPU if there is one."""
    cpu_threads: Annotated[Annotated[int, Field(gt=0, le=1024)] | None, MayBeOff] = None
    """Threads of one process on a CPU; None leaves the choice to torch."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Seed of every random stream of the run."""
    log_every: Positive = 50
    """Steps between two rows of statistics."""
    logging: tuple[Literal["tensorboard", "wandb"], ...] = ()
    """What else records losses, sample grids and numbers during the training, in a folder of the run."""
    checkpoint_every: Positive = 1000
    """Steps between two checkpoints."""
    keep_checkpoints: Positive = 2
    """Checkpoints kept, the newest first."""


class SamplingConfig(Section):
    """The sample grids written during training."""

    every: Annotated[Positive | None, MayBeOff] = 1000
    """Steps between two grids, the last of which is drawn at the end; None for none."""
    columns: Annotated[int, Field(gt=0, le=64)] = 10
    """Images per class in a grid."""
    classes: Annotated[int, Field(gt=0, le=100)] = 10
    """Classes in a grid, the first ones."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Seed of the first column; the next ones follow."""


class MeasurementConfig(Section):
    """What is measured, and how."""

    features: Annotated[str, Field(min_length=1)] = "inception"
    """Feature network: `inception` (of 2015, fetched once), `imagenet` (of the extra `pretrained`), either
    with `:FILE`, or `classifier:FILE` of `projgan classifier`."""
    protocol: Literal["paper", "standard", "intra"] = "standard"
    """`standard`: all real, 50,000 generated; `paper`: 10,000 and 5,000; `intra`: 5,000 generated a class.
    See docs/guides/evaluation.md."""
    real_images: Annotated[Positive | None, MayBeOff] = None
    """Real images compared with, instead of the protocol's."""
    generated_images: Annotated[Positive | None, MayBeOff] = None
    """Generated images, instead of the protocol's."""
    generated_per_class: Annotated[Positive | None, MayBeOff] = None
    """Generated images of each class, instead of those of protocol `intra`."""
    metrics: Annotated[tuple[str, ...] | None, MayBeOff] = None
    """Such as `fid intra_fid` (`fd intra_fd` of a classifier); None for all that take no minutes."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Of the choice of images, and of the first generated one."""


class EvaluationConfig(MeasurementConfig):
    """The numbers measured during training; `projgan evaluate` measures the same afterwards."""

    every: Annotated[Positive | None, MayBeOff] = None
    """Steps between two measurements, the last step included; None for none."""
