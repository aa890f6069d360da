"""Draw how one image of each class came to be: `python tools/draw_progress.py RUN OUT.png [SEED]`.

A column is a checkpoint of the run, a row a class, and all images have one seed; keep checkpoints with
`--training.keep-checkpoints 12`.
"""

import sys
from pathlib import Path

import torch

from projgan.config import load_config
from projgan.generation.sampling import sample
from projgan.pictures.grids import grid, write_png
from projgan.storage.checkpoints import checkpoint_steps, load_checkpoint
from projgan.storage.network_file import load_generator
from projgan.storage.run_directory import RunDirectory


def main() -> None:
    """Draw the picture."""
    run, out = RunDirectory(Path(sys.argv[1])), Path(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    steps = checkpoint_steps(run.checkpoints)
    generator, description = load_generator(run.generator)
    labels = torch.arange(len(description.class_names))
    columns = []
    for step in steps:
        state = load_checkpoint(run.checkpoints, step)
        generator.load_state_dict(state.get("average") or state["generator"])
        columns.append(torch.cat(list(sample(generator, [seed] * len(labels), labels))))
    images = torch.stack(columns, dim=1).flatten(0, 1)
    seen = load_config(str(run.config)).training
    per_step = seen.batch_size * seen.discriminator_updates
    names = [f"{step * per_step / 1000:,.0f}k" for step in steps]
    write_png(grid(images, len(steps), description.class_names, names), out)


if __name__ == "__main__":
    main()
