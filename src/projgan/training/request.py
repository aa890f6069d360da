"""What may be asked of a run that is there: to go on with a classifier as its guide."""

from typing import Annotated, Literal

from pydantic import Field

from projgan.request import GivenPath, Request


class FinetuningRequest(Request):
    """How a run is fine-tuned."""

    classifier: GivenPath
    """File made by `projgan classifier` of the run's data, or `imagenet`: the pretrained classifier of the
    extra `pretrained` (`imagenet:FILE` for its file). Keep another one to measure with."""
    weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    """Of the cross-entropy beside the adversarial loss; 0 trains on without it, to compare with."""
    steps: Annotated[int, Field(ge=1)] | None = None
    """Further generator updates; an eighth of those the run has done if not given, as in the paper."""
    classes: GivenPath | None = None
    """With `imagenet`: CSV with a class of the run and its name or synset in ILSVRC2012 in each line, for
    those that are called otherwise there."""
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """At the start, falling linearly to zero; `optimizer.learning_rate` of the run if not given."""
    device: Literal["auto", "cpu", "cuda"] | None = None
    """auto takes a GPU where there is one; `training.device` of the run if not given."""
