"""Hand a tuned config over: to files and to servers' own formats, and back.

The package is itself callable: ``codomyrmex_lab.export(config, target="json")`` is
:func:`codomyrmex_lab.export.export`.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

from codomyrmex_lab.export.files import (
    TARGETS,
    Tuned,
    check_output,
    export,
    load_config,
    load_evidence,
    parse_config,
    render,
)
from codomyrmex_lab.export.record import FORMAT_VERSION
from codomyrmex_lab.export.target import Evidence, ExportTarget, Rendered
from codomyrmex_lab.optimization.models import OptimizationConfig

__all__ = [
    "FORMAT_VERSION",
    "TARGETS",
    "Evidence",
    "ExportTarget",
    "Rendered",
    "Tuned",
    "check_output",
    "export",
    "load_config",
    "load_evidence",
    "parse_config",
    "render",
]


# Importing a subpackage binds its module to the parent's attribute of that name, so
# `codomyrmex_lab.export` is this module as soon as anything imports it, while the same words are
# also the call that users write. A module that can be called satisfies both, in any import order.
class _CallableModule(ModuleType):
    """A module that forwards a call to its ``export`` function."""

    def __call__(
        self,
        config: OptimizationConfig | Tuned,
        target: str | None = None,
        path: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        evidence: Evidence | None = None,
    ) -> str:
        """Forward to :func:`codomyrmex_lab.export.export`."""
        return export(config, target, path, overwrite, evidence)


sys.modules[__name__].__class__ = _CallableModule
