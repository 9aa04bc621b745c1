"""Where a trace comes from: the machine, the versions, and settings in a form that JSON holds."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["json_ready", "model_identity", "provenance"]

_PACKAGES = ("codomyrmex-lab", "numpy", "pandas", "pyarrow", "onnxruntime")


def provenance() -> dict[str, Any]:
    """Return processor, cores and system of this machine, but not its name, and the versions."""
    return {
        "host": {
            "cpu": _cpu(),
            "n_cores": os.cpu_count() or 1,
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        },
        "versions": {"python": platform.python_version(), **_versions()},
    }


def json_ready(value: Any) -> Any:
    """Return a value as JSON can hold it.

    Dataclasses become objects, enums their values; a model its ``identity``, a function its name,
    and whatever else is unknown its ``repr``. Not-a-number and infinities become null.
    """
    if isinstance(value, Enum):
        value = value.value
    elif isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    elif is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple | Set):
        return [json_ready(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else _name_of(value)


def model_identity(model: Any) -> str:
    """Return a model's ``identity``, or else the best name that there is for it."""
    if isinstance(model, Mapping):
        return ", ".join(f"{json_ready(key)}: {model_identity(one)}" for key, one in model.items())
    return str(json_ready(model))


def _name_of(value: Any) -> str:
    identity = getattr(value, "identity", None)
    if isinstance(identity, str):
        return identity
    name = getattr(value, "__qualname__", None)
    if isinstance(name, str):
        return f"{value.__module__}.{name}"
    return repr(value)


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
