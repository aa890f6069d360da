"""bfloat16 is the same training, only rounded more; memory is laid out with channels last."""

import torch

from projgan.training.trainer import Trainer
from small_runs import ONE_RANK, small_config


def three_steps(precision: str) -> tuple[Trainer, torch.Tensor]:
    config = small_config({"training.precision": precision, "training.batch_size": 16})
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (64, 1, 8, 8), dtype=torch.uint8, generator=draw)
    trainer = Trainer(config, images, torch.arange(64) % 4, 4, ONE_RANK)
    for _ in range(3):
        trainer.advance()
    return trainer, torch.stack(trainer.pending)


def test_bfloat16_follows_float32_and_keeps_its_parameters_in_float32() -> None:
    (_, exact), (rounded_trainer, rounded) = three_steps("fp32"), three_steps("bf16")
    assert rounded.dtype == torch.float32
    assert not torch.equal(exact, rounded)  # it does round
    torch.testing.assert_close(rounded, exact, rtol=0, atol=0.03)  # losses of order 1, 8 bits of mantissa
    for network in (rounded_trainer.generator, rounded_trainer.discriminator):
        assert {tensor.dtype for tensor in network.state_dict().values()} == {torch.float32}
    latents = torch.zeros(2, rounded_trainer.generator.latent_size)
    assert rounded_trainer.generator(latents, torch.tensor([0, 1])).dtype == torch.float32


def test_kernels_and_feature_maps_have_channels_last() -> None:
    trainer, _ = three_steps("fp32")
    kernel = trainer.generator.blocks[0].conv2.weight
    assert kernel.is_contiguous(memory_format=torch.channels_last)
    seen: list[bool] = []
    block = trainer.discriminator.blocks[1]
    block.register_forward_hook(
        lambda module, given, made: seen.append(made.is_contiguous(memory_format=torch.channels_last))
    )
    trainer.advance()
    assert seen
    assert all(seen)
