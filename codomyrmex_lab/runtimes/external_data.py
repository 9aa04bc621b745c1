"""Check the files beside an ONNX file in which it keeps weights."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

import onnx

from codomyrmex_lab.errors import ModelError

__all__ = ["external_files"]

_BYTES_PER_GB = 1e9


def external_files(path: Path, graph: onnx.GraphProto) -> list[Path]:
    """Return the files that hold weights of a graph, without reading them.

    Raises
    ------
    ModelError
        One is missing, cut off, outside the model's folder, or larger than memory.
    """
    files = sorted({_checked(path, tensor) for tensor in _external_tensors(graph)})
    n_bytes = sum(file.stat().st_size for file in files)
    memory_bytes = _memory_bytes()
    if memory_bytes is not None and n_bytes > memory_bytes:
        raise ModelError(
            f"The weights of {path} in {', '.join(file.name for file in files)} have "
            f"{n_bytes / _BYTES_PER_GB:,.0f} GB, but this machine has "
            f"{memory_bytes / _BYTES_PER_GB:,.0f} GB of memory; run it on a larger one."
        )
    return files


def _external_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Yield the tensors stored elsewhere, also those of subgraphs."""
    for tensor in graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            yield tensor
    for node in graph.node:
        for attribute in node.attribute:
            for tensor in (attribute.t, *attribute.tensors):
                if tensor.data_location == onnx.TensorProto.EXTERNAL:
                    yield tensor
            for subgraph in (attribute.g, *attribute.graphs):
                yield from _external_tensors(subgraph)


def _checked(path: Path, tensor: onnx.TensorProto) -> Path:
    entry = {item.key: item.value for item in tensor.external_data}
    location = entry.get("location", "")
    if not location or Path(location).is_absolute() or ".." in Path(location).parts:
        raise ModelError(
            f"{path} says that tensor {tensor.name!r} is in {location!r}; expected a file in the "
            "model's own folder: export the model again."
        )
    file = path.parent / location
    if not file.is_file():
        raise ModelError(
            f"{path} keeps its weights in {location!r}, which is missing; "
            f"put that file into {path.parent}."
        )
    size = file.stat().st_size
    end = _end_byte(path, tensor, entry)
    if size < end:
        raise ModelError(
            f"{file}, which holds weights of {path.name}, has {size} bytes, "
            f"but tensor {tensor.name!r} ends at byte {end}; copy it again, whole."
        )
    return file


def _end_byte(path: Path, tensor: onnx.TensorProto, entry: dict[str, str]) -> int:
    """Return where a tensor ends in its file."""
    given = {key: entry[key] for key in ("offset", "length") if key in entry}
    if not all(value.isascii() and value.isdigit() for value in given.values()):
        raise ModelError(
            f"{path} places tensor {tensor.name!r} at {given}; expected whole numbers of bytes: "
            "export the model again."
        )
    try:
        item_bytes = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except KeyError:  # the checker says what is wrong with the type
        item_bytes = 0
    n_bytes = int(given.get("length", math.prod(tensor.dims) * item_bytes))
    return int(given.get("offset", 0)) + n_bytes


def _memory_bytes() -> int | None:
    """Return the size of this machine's memory, where the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
