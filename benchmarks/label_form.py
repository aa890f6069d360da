"""Train with a label concatenated in a form and at a place that no method of the package has.

    python benchmarks/label_form.py vector-at-pixels train demo --run-dir runs/vector-at-pixels-seed0
    python benchmarks/label_form.py planes-after-block train demo --run-dir runs/planes-after-block-seed0

`input-concat` gives the pixels one plane a class; `hidden-concat` gives the features after a block a learned,
spectrally normalised vector. Place and form differ at once. These are the two other combinations; what
follows the form is a `projgan` command.
"""

import sys
from collections.abc import Sequence

from torch import Tensor

import projgan
from projgan.cli import run_command
from projgan.networks.condition_method import ConditionShape, append_maps, class_weights
from projgan.networks.conditions import HiddenConcat, InputConcat
from projgan.networks.layers import select


class VectorAtPixels(HiddenConcat):
    """The embedded label of `hidden-concat` behind the channels of the image."""

    @classmethod
    def added_channels(cls, shape: ConditionShape, block: int) -> int:
        """The entries of the embedding at the image."""
        return shape.embedding_size if block == 0 else 0

    def join(self, images: Tensor, condition: Tensor | None, block: int) -> Tensor:
        """[N, C, H, W] -> [N, C + embedding_size, H, W] at the image."""
        if block != 0:
            return images
        return append_maps(images, select(self.embedding.normalized_weight(), condition))


class PlanesAfterBlock(InputConcat):
    """The planes of `input-concat` behind the output of the block where `hidden-concat` joins."""

    @classmethod
    def added_channels(cls, shape: ConditionShape, block: int) -> int:
        """One per class after the chosen block."""
        return shape.num_classes if block == shape.hidden_block else 0

    def join(self, images: Tensor, condition: Tensor | None, block: int) -> Tensor:
        """[N, C, H, W] -> [N, C + num_classes, H, W] after the chosen block."""
        if block != self.shape.hidden_block:
            return images
        return append_maps(images, class_weights(condition, self.shape.num_classes))


FORMS = {"vector-at-pixels": VectorAtPixels, "planes-after-block": PlanesAfterBlock}


def main(words: Sequence[str]) -> int:
    """Register the forms, and run the command with one of them; returns its exit code."""
    if len(words) < 2 or words[0] not in FORMS:
        raise SystemExit(f"{__doc__}\nFORM is one of {', '.join(FORMS)}.")
    for name, method in FORMS.items():
        projgan.register_condition(name, method)
    return run_command([*words[1:], "--discriminator.condition", words[0]])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
