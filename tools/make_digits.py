"""Write the built-in digits file from scikit-learn's copy of them: python tools/make_digits.py [OUT]."""

import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

DEFAULT_OUT = Path(__file__).parents[1] / "src/projgan/data/digits/digits.npz"


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OUT
    digits = load_digits()
    images = digits.images.astype(np.uint8)
    labels = digits.target.astype(np.uint8)
    assert images.shape == (1797, 8, 8)
    assert np.array_equal(images, digits.images)
    assert images.max() == 16
    out.write_bytes(pack({"images": images, "labels": labels}))
    print(f"sha256 of {out.name}: {hashlib.sha256(out.read_bytes()).hexdigest()}")
    print(f"sha256 of the levels: {hashlib.sha256(images.tobytes()).hexdigest()}")
    pixels = np.round(images.astype(np.float64) * 255 / 16).astype(np.uint8)
    print(f"sha256 of the pixels: {hashlib.sha256(pixels.tobytes()).hexdigest()}")
    print(f"sha256 of the labels: {hashlib.sha256(labels.tobytes()).hexdigest()}")


def pack(arrays: dict[str, np.ndarray]) -> bytes:
    """Return an `.npz` with a fixed date, so that the same arrays always give the same bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, member.getvalue())
    return content.getvalue()


if __name__ == "__main__":
    main()
