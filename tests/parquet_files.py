"""Parquet in the Hugging Face image layout, made by tests."""

import json

import pyarrow as pa
from pyarrow import parquet


def hugging_face(names, column="label"):
    features = {"image": {"_type": "Image"}, column: {"_type": "ClassLabel", "names": names}}
    return {"huggingface": json.dumps({"info": {"features": features}})}


def write(path, images, labels, *, metadata=None, image="image", label="label", paths=None, group=None):
    structs = [
        {"bytes": content, "path": None if paths is None else paths[index]}
        for index, content in enumerate(images)
    ]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({image: pa.array(structs, kind), label: labels})
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table.replace_schema_metadata(metadata), path, row_group_size=group)
    return path
