"""Read an ONNX file's interface and refuse a file that no batch can be run on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.runtimes.payloads import TensorSpec

__all__ = ["OnnxFile", "read_onnx_file"]

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """What is known of a model file without running it.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    sha256 : str
        Hash of its content, and of the external data that it refers to.
    size_bytes : int
        Size on disk, external data included.
    inputs : tuple of TensorSpec
        What one request gives.
    output_names : tuple of str
        What one request gets.
    """

    path: Path
    sha256: str
    size_bytes: int
    inputs: tuple[TensorSpec, ...]
    output_names: tuple[str, ...]


def read_onnx_file(path: Path) -> OnnxFile:
    """Read and check an ONNX file.

    Raises
    ------
    ModelError
        The file is missing, is not a whole ONNX model, lacks its external data, or has an input
        without a batch axis.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise ModelError(f"The model file {path} {what}; expected an ONNX file.")
    graph = _load_graph(path)
    external = sorted(set(_external_files(path, graph)))
    _check_whole(path)
    weights = {tensor.name for tensor in graph.initializer}
    return OnnxFile(
        path=path,
        sha256=_hash_files([path, *external]),
        size_bytes=sum(file.stat().st_size for file in (path, *external)),
        inputs=tuple(_spec(path, value) for value in graph.input if value.name not in weights),
        output_names=tuple(value.name for value in graph.output),
    )


def _load_graph(path: Path) -> onnx.GraphProto:
    try:
        graph = onnx.load(path, format="protobuf", load_external_data=False).graph
    except DecodeError as error:
        raise ModelError(
            f"{path} is not an ONNX model, or is cut off; export or download it again."
        ) from error
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror}.") from error
    if not graph.node:
        raise ModelError(
            f"{path} is not an ONNX model, or is cut off: it holds no graph; export it again."
        )
    return graph


def _check_whole(path: Path) -> None:
    try:
        onnx.checker.check_model(path)
    except (ValueError, onnx.checker.ValidationError) as error:
        raise ModelError(
            f"{path} is not a valid ONNX model, or is cut off ({first_line(error)}); "
            "export or download it again."
        ) from error


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Yield every stored tensor, also those of subgraphs."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for subgraph in (attribute.g, *attribute.graphs):
                yield from _tensors(subgraph)


def _external_files(path: Path, graph: onnx.GraphProto) -> Iterator[Path]:
    for tensor in _tensors(graph):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        entry = {item.key: item.value for item in tensor.external_data}
        file = path.parent / entry.get("location", "")
        if not file.is_file():
            raise ModelError(
                f"{path} keeps its weights in {file.name!r}, which is missing; "
                f"put that file into {path.parent}."
            )
        needed_bytes = int(entry.get("offset", 0)) + int(entry.get("length", 0))
        if file.stat().st_size < needed_bytes:
            raise ModelError(
                f"{file}, which holds weights of {path.name}, has {file.stat().st_size} bytes, "
                f"but tensor {tensor.name!r} ends at byte {needed_bytes}; copy it again, whole."
            )
        yield file


def _hash_files(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()


def _spec(path: Path, value: onnx.ValueInfoProto) -> TensorSpec:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        raise ModelError(f"Input {value.name!r} of {path} is a {kind}; expected a tensor.")
    tensor = value.type.tensor_type
    axes = [axis.dim_value if axis.dim_value > 0 else None for axis in tensor.shape.dim]
    if not axes or axes[0] is not None:
        raise ModelError(
            f"Input {value.name!r} of {path} has the fixed shape {tuple(axes)}; expected a first "
            "axis of any length for the batch: export the model with a dynamic batch axis."
        )
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    return TensorSpec(value.name, dtype, tuple(axes[1:]))


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its class name where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(" .") if lines else type(error).__name__
