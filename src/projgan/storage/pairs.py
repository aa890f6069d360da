"""The generator of a run and the discriminator that was trained with it."""

from pathlib import Path

from projgan.errors import UserError
from projgan.networks.resnet import Discriminator, Generator
from projgan.storage.network_description import NetworkDescription
from projgan.storage.network_file import load_discriminator


def discriminator_of(
    path: Path, generator: Generator, description: NetworkDescription, *, of_one_step: bool = True
) -> tuple[Discriminator, NetworkDescription] | None:
    """Read the discriminator beside a generator's file, and what it says of itself; None without one.

    With `of_one_step` false it may have been trained on since, or less.

    Raises:
        UserError: it is that of another run, or of another step of the same.
    """
    beside = path.with_name("discriminator.safetensors")
    if not beside.is_file():
        return None
    device = next(generator.parameters()).device
    discriminator, of_discriminator = load_discriminator(beside, device)
    ours = (generator.resolution, generator.channels, description.class_names)
    theirs = (discriminator.resolution, discriminator.channels, of_discriminator.class_names)
    if ours != theirs or (
        generator.condition is None and of_discriminator.network["condition"] != "unconditional"
    ):
        raise UserError(f"{beside}: not the discriminator of {path.name}; put that of the same run beside it")
    steps = description.provenance.step, of_discriminator.provenance.step
    if of_one_step and steps[0] != steps[1]:
        raise UserError(
            f"{beside}: of step {steps[1]:,}, and the generator is of step {steps[0]:,}; load both again, "
            "or, if the training was killed between the two, give its command again"
        )
    return discriminator, of_discriminator
