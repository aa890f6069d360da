"""Ten lines that use an exported file."""

from pathlib import Path

_ONNX = """import json
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession({path!r})
about = session.get_modelmeta().custom_metadata_map
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
inputs = [torch.randn(4, about["latent_size"], generator=torch.Generator().manual_seed(0))]
{condition}
images = generate(*inputs)  # [4, C, H, W] in [-1, 1]
pixels = ((images + 1) * 128).floor().clamp(0, 255).to(torch.uint8)
print(tuple(pixels.shape))
"""
_CONDITIONS = {
    ("onnx", None): "# it takes no condition",
    ("onnx", True): 'inputs["condition"] = np.zeros(4, "int64")  # of json.loads(about["class_names"])[0]',
    (
        "onnx",
        False,
    ): 'inputs["condition"] = np.eye(len(json.loads(about["class_names"])), dtype="float32")[[0] * 4]',
    ("torch", None): "# it takes no condition",
    ("torch", True): 'inputs.append(torch.zeros(4, dtype=torch.int64))  # of about["class_names"][0]',
    ("torch", False): 'inputs.append(torch.eye(len(about["class_names"]))[[0] * 4])  # weights of each class',
}


def example(kind: str, path: Path, labels: bool | None) -> str:
    """Return Python that runs the file; `labels` is None where the generator meets no condition."""
    text = {"onnx": _ONNX, "torch": _TORCH}[kind]
    return text.format(path=str(path), condition=_CONDITIONS[kind, labels])
