"""The errors of the lab: one tree, so that ``except LabError`` catches them all.

::

    LabError
    ├── SettingError          (ValueError)   a setting outside its allowed range
    ├── EngineError
    │   ├── NotRunningError   (RuntimeError) submitted to an engine that is not started
    │   ├── RequestTimeoutError (TimeoutError) the caller's wait ran out
    │   ├── DrainTimeoutError (TimeoutError) unanswered when the drain time of stop() ran out
    │   ├── OutputCountError  (ValueError)   a batch function returned too few or too many outputs
    │   └── UnkeyableInputError (TypeError)  no exact cache key for an input
    ├── WorkloadError         (ValueError)   a workload file or frame that cannot be used
    ├── ModelError            (ValueError)   a model file, or a payload, that cannot be used
    │   └── VariantError                     a quantized variant that is not available
    ├── TraceError            (ValueError)   records that do not form a trace
    └── ConfigFileError       (ValueError)   a config file that cannot be read or written
"""

__all__ = [
    "ConfigFileError",
    "DrainTimeoutError",
    "EngineError",
    "LabError",
    "ModelError",
    "NotRunningError",
    "OutputCountError",
    "RequestTimeoutError",
    "SettingError",
    "TraceError",
    "UnkeyableInputError",
    "VariantError",
    "WorkloadError",
]


class LabError(Exception):
    """Base of every error that the lab raises on purpose."""


class SettingError(LabError, ValueError):
    """A setting is outside its allowed range, or two settings contradict each other."""


class EngineError(LabError):
    """Base of the errors of the running engine."""


class NotRunningError(EngineError, RuntimeError):
    """A request was submitted to an engine that is not started, or is stopped."""


class RequestTimeoutError(EngineError, TimeoutError):
    """The answer did not come within the time that the caller was willing to wait."""


class DrainTimeoutError(EngineError, TimeoutError):
    """The request was still unanswered when the drain time of ``stop()`` ran out."""


class OutputCountError(EngineError, ValueError):
    """A batch function returned another number of outputs than it was given inputs."""


class UnkeyableInputError(EngineError, TypeError):
    """No exact cache key can be made for an input."""


class WorkloadError(LabError, ValueError):
    """A workload file, frame or setting cannot be used."""


class ModelError(LabError, ValueError):
    """A model file, or a payload given to a model, cannot be used."""


class VariantError(ModelError):
    """A quantized variant that was asked for is not available."""


class TraceError(LabError, ValueError):
    """Records do not form a trace, or a trace lacks what was asked of it."""


class ConfigFileError(LabError, ValueError):
    """A config file cannot be read or written."""
