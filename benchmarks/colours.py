"""How much the colour of images varies within a class, of generators and of folders of images.

    python benchmarks/colours.py cifar10 runs/photos runs/photos/checkpoints/step-00001000.pt FOLDER

Of each image the mean of red minus green and of blue minus green, in grey levels of 255; of each class their
standard deviation over images; printed, one JSON line a subject, is the mean over classes and both. A folder
has one folder of images per class.
"""

import json
from pathlib import Path

import numpy as np
from cyclopts import App
from PIL import Image

import projgan

Images = list[Image.Image]
app = App(name="colours", help=__doc__, help_format="plaintext")


def spread(classes: list[Images]) -> float:
    """The number of a subject: RGB images of each class."""
    of_classes = []
    for images in classes:
        red, green, blue = np.stack([np.asarray(image, float).mean((0, 1)) for image in images]).T
        of_classes.append([np.std(red - green), np.std(blue - green)])
    return float(np.mean(of_classes))


def images_of(subject: Path, count: int) -> list[Images]:
    """Up to `count` images of each class, of a generator by seeds from 0."""
    folders = sorted(path for path in subject.iterdir() if path.is_dir()) if subject.is_dir() else []
    if folders and not (subject / "config.yaml").is_file():
        return [
            [Image.open(path).convert("RGB") for path in sorted(folder.iterdir())[:count]]
            for folder in folders
        ]
    gan = projgan.load(subject)
    return [gan.sample(name, count=count, seed=0) for name in gan.class_names]


@app.default
def colours(*subjects: Path, count: int = 200) -> None:
    """Measure each subject.

    Args:
        subjects: what `projgan sample` takes, or folders of images.
        count: images of each class.
    """
    for subject in subjects:
        number = spread(images_of(subject, count))
        print(json.dumps({"subject": str(subject), "colour_spread": number, "images_per_class": count}))


if __name__ == "__main__":
    app()
