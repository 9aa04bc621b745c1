"""How much memory a variant takes, measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.runtimes.session import SessionSettings

__all__ = ["resident_bytes"]

_WORKER = Path(__file__).with_name("resident_size_worker.py")
_MEMORY_MAPS = Path("/proc/self/smaps")


def resident_bytes(
    path: Path, settings: SessionSettings, feeds: Mapping[str, NDArray[Any]]
) -> int | None:
    """Return the growth of a process's resident memory from opening a model and running a batch.

    A fresh process loads the libraries and the batch, opens a session and runs it once; what its
    resident set grew by is the weights, the graph, the runtime's arena and the activations of that
    batch. The code of libraries, which all variants share, does not count.

    Parameters
    ----------
    path : pathlib.Path
        ONNX file.
    settings : SessionSettings
        How to run it.
    feeds : mapping of str to numpy.ndarray
        One batch of inputs.

    Returns
    -------
    int or None
        In bytes; None on systems other than Linux, which do not tell.

    Raises
    ------
    ModelError
        The process failed.
    """
    if not _MEMORY_MAPS.exists():
        return None
    with tempfile.TemporaryDirectory() as folder:
        batch = Path(folder) / "batch.npz"
        np.savez(batch, allow_pickle=False, **feeds)
        arguments = [str(path), str(batch), json.dumps(settings.providers)]
        process = subprocess.run(
            [sys.executable, "-P", str(_WORKER), *arguments, str(settings.intra_op_threads)],
            capture_output=True,
            check=False,
            text=True,
            errors="replace",
        )
    if process.returncode:
        said = process.stderr.strip().splitlines() or [f"exit code {process.returncode}"]
        raise ModelError(f"The memory of {path} could not be measured: {said[-1].rstrip('.')}.")
    return int(process.stdout)
