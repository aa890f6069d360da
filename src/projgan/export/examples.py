"""Ten lines that use an exported file."""

from pathlib import Path

_ONNX = """import json
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession({path!r})
about = session.get_modelmeta().custom_metadata_map
# Seed s of `projgan sample` is torch.randn(latent_size, generator=torch.Generator().manual_seed(s)), a
# generator for each seed. Any standard normal numbers make images:
latents = np.random.default_rng(0).standard_normal((4, int(about["latent_size"]))).astype("float32")
inputs = {{"latents": latents}}
{condition}
images = session.run(None, inputs)[0]  # [4, C, H, W] in [-1, 1]
pixels = np.clip(np.floor((images + 1) * 128), 0, 255).astype("uint8")
print(pixels.shape)
"""
_TORCH = """import json
import torch
files = {{"projgan.json": ""}}
generate = torch.export.load({path!r}, extra_files=files).module()
about = json.loads(files["projgan.json"])
def latent(seed):  # as `projgan sample` draws it: a generator for each seed
    return torch.randn(about["latent_size"], generator=torch.Generator().manual_seed(seed))
inputs = [torch.stack([latent(seed) for seed in range(4)])]
{condition}
with torch.inference_mode():
    images = generate(*inputs)  # [4, C, H, W] in [-1, 1]
pixels = ((images + 1) * 128).floor().clamp(0, 255).to(torch.uint8)
print(tuple(pixels.shape))
"""
_WITHOUT = "# it takes no condition"
_LABELS = {
    "onnx": 'inputs["condition"] = np.zeros(4, "int64")  # of json.loads(about["class_names"])[0]',
    "torch": 'inputs.append(torch.zeros(4, dtype=torch.int64))  # of about["class_names"][0]',
}
_COLUMNS = {
    ("onnx", "class"): """columns = len(json.loads(about["class_names"]))
inputs["condition"] = np.eye(columns, dtype="float32")[[0] * 4]  # weights of each class, which sum to 1""",
    ("torch", "class"): """columns = len(about["class_names"])
inputs.append(torch.eye(columns)[[0] * 4])  # weights of each class, which sum to 1""",
    ("onnx", "multi-hot"): """columns = len(json.loads(about["class_names"]))
inputs["condition"] = np.eye(columns, dtype="float32")[[0] * 4]  # 1 for every class an image has, else 0""",
    ("torch", "multi-hot"): """columns = len(about["class_names"])
inputs.append(torch.eye(columns)[[0] * 4])  # 1 for every class an image has, else 0""",
    ("onnx", "vector"): """units = json.loads(about["units"])
means, deviations = np.array(units["means"]), np.array(units["deviations"])
values = np.tile(means, (4, 1))  # of json.loads(about["class_names"]), in the units of the data
inputs["condition"] = ((values - means) / deviations).astype("float32")""",
    ("torch", "vector"): """units = about["units"]
means, deviations = (torch.tensor(units[key], dtype=torch.float64) for key in ("means", "deviations"))
values = means.repeat(4, 1)  # of about["class_names"], in the units of the data
inputs.append(((values - means) / deviations).float())""",
}


def example(kind: str, path: Path, condition: str | None, labels: bool = False) -> str:
    """Return Python that runs the file.

    Args:
        kind: a name in `EXPORTERS`.
        path: of the file.
        condition: of the generator, a name in `CONDITION_KINDS`; None where it meets none.
        labels: whether the file takes labels.
    """
    text = {"onnx": _ONNX, "torch": _TORCH}[kind]
    given = _LABELS[kind] if labels else _COLUMNS[kind, condition or "class"]
    return text.format(path=str(path), condition=given if condition else _WITHOUT)
