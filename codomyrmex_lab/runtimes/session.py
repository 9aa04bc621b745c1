"""Open an ONNX Runtime session, or say in one sentence why not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnxruntime

from codomyrmex_lab.errors import SettingError, VariantError
from codomyrmex_lab.optimization.models import check_integer
from codomyrmex_lab.runtimes.onnx_file import first_line

__all__ = ["SessionSettings", "open_session", "runtime_reason"]

_FATAL = 4  # the runtime raises its errors; it need not print them as well
_ERROR_CODE = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : (?:Load model from .*? failed:)?")
_SOURCE_LINE = re.compile(  # file, line and signature of the runtime's own function, its condition
    r"/\S+\.(?:h|cc|cpp):\d+ \S.*?\)(?: \[with [^]]*\])? (?:\S.*? was false\. )?"
)


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How ONNX Runtime runs a model.

    Parameters
    ----------
    intra_op_threads : int
        Threads within one model call, at least 1. Workers share a session and run side by side, so
        that one thread each uses all cores.
    providers : tuple of str
        ONNX Runtime's execution providers, the preferred one first.

    Raises
    ------
    SettingError
        A setting is outside its range, or the installed runtime lacks a provider.
    """

    intra_op_threads: int = 1
    providers: Sequence[str] = ("CPUExecutionProvider",)

    def __post_init__(self) -> None:
        check_integer("intra_op_threads", self.intra_op_threads, at_least=1)
        installed = onnxruntime.get_available_providers()
        unknown = [name for name in self.providers if name not in installed]
        if isinstance(self.providers, str) or not self.providers or unknown:
            raise SettingError(
                f"providers is {self.providers!r}; expected a sequence of the execution providers "
                f"that the installed ONNX Runtime has: {', '.join(installed)}."
            )
        object.__setattr__(self, "providers", tuple(self.providers))


def runtime_reason(said: str) -> str:
    """Return what ONNX Runtime said without its error code and the lines of its own source."""
    return _SOURCE_LINE.sub("", _ERROR_CODE.sub("", said))


def open_session(path: Path, settings: SessionSettings, label: str) -> onnxruntime.InferenceSession:
    """Return a session that runs a file on the preferred provider.

    Raises
    ------
    VariantError
        The runtime cannot run the file, or would run it elsewhere; ``label`` names the model.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.intra_op_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL
    try:
        session = onnxruntime.InferenceSession(path, options, providers=list(settings.providers))
    except Exception as error:  # the runtime's errors share no other base
        raise VariantError(
            f"{label} cannot be run by ONNX Runtime {onnxruntime.__version__} "
            f"from {path}: {runtime_reason(first_line(error))}."
        ) from error
    if settings.providers[0] not in session.get_providers():
        raise VariantError(
            f"{label} would not run on {settings.providers[0]} but on "
            f"{', '.join(session.get_providers())}; check the driver, or name another provider."
        )
    return session
