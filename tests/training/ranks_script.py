"""Run under torchrun: trains a few steps on every rank, compares the ranks, and writes the losses as JSON.

Arguments: a JSON list of configurations' changes, and the file to write.
"""

import json
import sys
import weakref
from pathlib import Path

import torch
import torch.distributed as dist

from projgan.data import load_images
from projgan.data.tensors import as_tensor
from projgan.process.ranks import join_ranks
from projgan.training.building import build_trainer
from small_runs import small_config

STEPS = 4


def main() -> None:
    variants, out = json.loads(sys.argv[1]), Path(sys.argv[2])
    data = load_images("digits", resolution=8, channels=1, cache=None)
    results = []
    with join_ranks("cpu") as ranks:
        group = weakref.ref(dist.group.WORLD) if ranks.size > 1 else None
        for changes in variants:
            images, labels = as_tensor(data.images), as_tensor(data.labels)
            trainer = build_trainer(small_config(changes), images, labels, data.num_classes, ranks)
            losses, shown = [], []
            batch = trainer.stream.batch

            def noting(position, batch=batch, shown=shown):
                images, labels = batch(position)
                shown.append(images)
                return images, labels

            trainer.stream.batch = noting
            for _ in range(STEPS):
                trainer.advance()
                row = trainer.read_losses()
                trainer.forget_losses()
                losses.append([row.generator, row.discriminator])
            states = {
                "parameters": [
                    *trainer.generator.parameters(),
                    *trainer.discriminator.state_dict().values(),
                    *trainer.average.generator.parameters(),
                    *(
                        value
                        for optimizer in trainer.optimizers
                        for entry in optimizer.state.values()
                        for value in entry.values()
                    ),
                ],
                "statistics": list(trainer.generator.buffers()),
                "images": shown,
            }
            equal = {name: same_on_all_ranks(tensors) for name, tensors in states.items()}
            results.append({"losses": losses, "same_on_all_ranks": equal})
        parameter = torch.nn.Parameter(torch.zeros(2, 3))
        parameter.grad = torch.full((2, 3), float(ranks.rank))
        frozen = torch.nn.Parameter(torch.zeros(1))
        ranks.average_gradients([frozen, parameter])
        assert frozen.grad is None
        texts = [
            ranks.text_of_first(f"größer {ranks.rank}"),
            ranks.text_of_first("" if ranks.is_first else "x"),
        ]
        both = torch.tensor([len(text.encode()) for text in texts])
        dist.all_reduce(both)
        gathered = {
            "ranks": ranks.size,
            "results": results,
            "gradients of 0 and 1": parameter.grad.tolist(),
            "values of 0 and 1": ranks.average_values(torch.tensor([float(ranks.rank)])).tolist(),
            "largest of 0 and 1": ranks.largest(ranks.rank),
            "text of the first": [*texts, *both.tolist()],
        }
        if ranks.is_first:
            out.write_text(json.dumps(gathered))
    # A thread of the group that outlives it wants Python's lock while Python ends, and aborts the process.
    assert group is None or group() is None, "something holds the group of processes"


def same_on_all_ranks(tensors: list[torch.Tensor]) -> bool:
    """Whether every rank has the same bits in these."""
    flat = torch.cat([tensor.detach().contiguous().flatten().view(torch.uint8) for tensor in tensors])
    if not dist.is_initialized():
        return True
    gathered = [torch.empty_like(flat) for _ in range(dist.get_world_size())]
    dist.all_gather(gathered, flat)
    return all(bool(other.equal(flat)) for other in gathered)


if __name__ == "__main__":
    main()
