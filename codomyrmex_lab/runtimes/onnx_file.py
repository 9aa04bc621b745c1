"""Read an ONNX file's interface and refuse a file that no batch can be run on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.runtimes.external_data import external_files
from codomyrmex_lab.runtimes.payloads import TensorSpec

__all__ = ["OnnxFile", "depends_on_batch", "first_line", "is_whole", "read_onnx_file", "stamp"]

_CHUNK_BYTES = 1 << 20
_LARGEST_PROTOBUF_BYTES = (1 << 31) - 1
_INT8_ACTIVATIONS = 4  # accuracy_level of MatMulNBits
_LONGEST_EXACT_BLOCK = 32


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
    depends_on_batch : bool
        Whether an input's output depends on what else is in its batch.
    stamp : tuple
        Size and time of change of each file, by which a later change is noticed.
    """

    path: Path
    sha256: str
    size_bytes: int
    inputs: tuple[TensorSpec, ...]
    output_names: tuple[str, ...]
    depends_on_batch: bool
    stamp: tuple[tuple[Path, int, int], ...]


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
    files = [path, *external_files(path, graph)]
    _check_whole(path)
    weights = {tensor.name for tensor in graph.initializer}
    return OnnxFile(
        path=path,
        inputs=tuple(_spec(path, value) for value in graph.input if value.name not in weights),
        output_names=tuple(value.name for value in graph.output),
        depends_on_batch=_mixes_batch_mates(graph),
        stamp=stamp(files),
        size_bytes=sum(file.stat().st_size for file in files),
        sha256=_hash_files(files),
    )


def stamp(files: Iterable[Path]) -> tuple[tuple[Path, int, int], ...]:
    """Return size and time of change of some files; -1 for those that are gone."""
    stamps = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            stamps.append((file, -1, -1))
        else:
            stamps.append((file, status.st_size, status.st_mtime_ns))
    return tuple(stamps)


def is_whole(path: Path) -> bool:
    """Whether a file holds an ONNX graph from its first byte to its last."""
    try:
        _load_graph(path)
    except ModelError:
        return False
    return True


def depends_on_batch(path: Path) -> bool:
    """Whether an input's output in this graph depends on what else is in its batch."""
    return _mixes_batch_mates(_load_graph(path))


def _mixes_batch_mates(graph: onnx.GraphProto) -> bool:
    return any(
        node.op_type.startswith("DynamicQuantize")  # one scale for the whole batch
        or _rounds_by_number_of_rows(node)
        or any(_mixes_batch_mates(attribute.g) for attribute in node.attribute)
        for node in graph.node
    )


def _rounds_by_number_of_rows(node: onnx.NodeProto) -> bool:
    """Whether ONNX Runtime computes one row otherwise than several.

    It quantizes a row's activations in blocks as long as those of the weights. From 64 on, its CPU
    kernels for one row and for several differ: MiniLM's cosine, alone against in a batch, is 0.9994
    (blocks of 32: 1 - 3e-15).
    """
    settings = {attribute.name: attribute.i for attribute in node.attribute}
    return (
        node.op_type == "MatMulNBits"
        and settings.get("accuracy_level") == _INT8_ACTIVATIONS
        and settings["block_size"] > _LONGEST_EXACT_BLOCK
    )


def _load_graph(path: Path) -> onnx.GraphProto:
    if path.stat().st_size > _LARGEST_PROTOBUF_BYTES:
        raise ModelError(
            f"{path} has {path.stat().st_size:,} bytes, but an ONNX file holds at most 2 GiB; "
            "export the model with its weights in external data."
        )
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
            f"{path} is not a valid ONNX model: {first_line(error)}; export it again, or download "
            "it again if it was cut off."
        ) from error


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
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    except KeyError as error:
        raise ModelError(
            f"Input {value.name!r} of {path} has no element type; export the model again."
        ) from error
    return TensorSpec(value.name, dtype, tuple(axes[1:]))


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its class name where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(" .") if lines else type(error).__name__
