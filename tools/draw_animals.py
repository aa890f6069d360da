"""Draw the cats and dogs of docs/guides/super-resolution.md, to be made small and enlarged again.

python tools/draw_animals.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIDE, EACH = 256, 5
FURS = [(196, 142, 84), (120, 112, 104), (232, 214, 188), (92, 62, 44), (208, 120, 56)]
GROUNDS = [(96, 136, 72), (128, 96, 72), (104, 120, 152), (176, 160, 136), (72, 96, 64)]


def textured(colour: tuple[int, int, int], strength: float, draw: np.random.Generator) -> Image.Image:
    """A square of one colour with noise of several scales, such as fur or grass has."""
    levels = np.zeros((SIDE, SIDE))
    for cells in (8, 32, 128):
        noise = Image.fromarray(draw.normal(0, strength, (cells, cells)).astype(np.float32))
        levels += np.asarray(noise.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return Image.fromarray(np.clip(np.array(colour) + levels[..., None], 0, 255).astype(np.uint8))


def animal(kind: str, number: int) -> Image.Image:
    """A head with ears that stand (cat) or hang (dog), eyes, a muzzle and a nose, 64x64."""
    draw = np.random.default_rng([ord(kind[0]), number])
    fur = FURS[(number + (kind == "dog")) % EACH]
    picture = textured(GROUNDS[number], 14, draw)
    x, y = draw.integers(112, 144, 2).tolist()
    shape = Image.new("L", (SIDE, SIDE))
    pen = ImageDraw.Draw(shape)
    pen.ellipse((x - 100, y + 40, x + 100, y + 300), fill=255)  # body
    pen.ellipse((x - 72, y - 64, x + 72, y + 68), fill=255)
    if kind == "cat":
        for side in (-1, 1):
            pen.polygon(
                [(x + side * 70, y - 100), (x + side * 18, y - 58), (x + side * 68, y - 12)], fill=255
            )
    picture.paste(textured(fur, 18, draw), mask=shape)
    pen = ImageDraw.Draw(picture)
    if kind == "dog":
        for side in (-1, 1):
            ear = tuple(level // 2 for level in fur)
            pen.ellipse((x + side * 74 - 24, y - 56, x + side * 74 + 24, y + 52), fill=ear)
    pen.ellipse((x - 36, y + 4, x + 36, y + 60), fill=tuple(min(255, level + 40) for level in fur))
    for side in (-1, 1):
        pen.ellipse((x + side * 30 - 12, y - 26, x + side * 30 + 12, y - 2), fill=(24, 20, 16))
        pen.ellipse((x + side * 30 - 2, y - 22, x + side * 30 + 4, y - 16), fill=(250, 250, 250))
    pen.ellipse((x - 13, y + 8, x + 13, y + 26), fill=(40, 24, 28))
    pen.line((x, y + 26, x, y + 44), fill=(40, 24, 28), width=4)
    return picture.resize((64, 64), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    for name in ("cat", "dog"):
        folder = Path(sys.argv[1]) / name
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(EACH):
            animal(name, index).save(folder / f"{index}.png")
