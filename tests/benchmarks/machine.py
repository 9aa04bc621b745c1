"""What a measurement ran on: processor, interpreter and versions; no name of a host, no path."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

__all__ = ["Machine"]


@dataclass(frozen=True)
class Machine:
    """A machine and the software that was measured on it.

    Parameters
    ----------
    cpu : str
        Model of the processor.
    n_cores : int
        Logical cores that this process may use.
    python, system : str
        Interpreter and operating system.
    load_average : float or None
        Processes that ran or wanted to in the minute before the first measurement; anything well
        above 0 was competing with it.
    versions : dict of str
        Version of each package that took part.
    """

    cpu: str
    n_cores: int
    python: str
    system: str
    load_average: float | None
    versions: dict[str, str]

    @classmethod
    def here(cls, packages: Iterable[str]) -> Machine:
        """Return this machine, with the versions of the project and of some packages."""
        return cls(
            cpu=_cpu(),
            n_cores=_n_cores(),
            python=f"{platform.python_implementation()} {platform.python_version()}",
            system=f"{platform.system()} {platform.machine()}",
            load_average=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
            versions={name: version(name) for name in ("codomyrmex-lab", *packages)},
        )


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _n_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
