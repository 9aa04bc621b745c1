"""The errors of the lab: one tree, so that ``except LabError`` catches them all.

::

    LabError
    ├── SettingError          (ValueError)   a setting outside its allowed range
    ├── EngineError
    │   ├── NotRunningError   (RuntimeError) submitted to an engine that is not started
    │   ├── RequestTimeoutError (TimeoutError) the caller's wait ran out
    │   ├── DeadlineExceededError (TimeoutError) a request's own deadline passed
    │   ├── DrainTimeoutError (TimeoutError) unanswered when the drain time of stop() ran out
    │   ├── ProcessorTimeoutError (TimeoutError) a batch function ran longer than allowed
    │   ├── QueueFullError                   turned away, or shed, by a full queue
    │   ├── WorkerCrashedError               the thread that ran the batch died
    │   ├── OutputCountError  (ValueError)   a batch function returned too few or too many outputs
    │   └── UnkeyableInputError (TypeError)  no exact cache key for an input
    ├── WorkloadError         (ValueError)   a workload file or frame that cannot be used
    ├── ModelError            (ValueError)   a model file, or a payload, that cannot be used
    │   └── VariantError                     a quantized variant that is not available
    ├── TraceError            (ValueError)   records that do not form a trace
    ├── LoadGenError          (RuntimeError) MLPerf LoadGen is missing, or its run failed
    ├── ConfigFileError       (ValueError)   a config file that cannot be read or written
    ├── BatchDependenceWarning (UserWarning) a cache behind answers that depend on their batch
    ├── ExportWarning         (UserWarning)  a target leaves a setting out; warned of, not raised
    ├── ProfileError          (ValueError)   a service-time profile that cannot be used
    ├── ForeignProfileWarning (UserWarning)  a profile of another machine or model; warned of
    ├── OverloadWarning       (UserWarning)  a workload beyond capacity; warned of, not raised
    ├── TuningError           (ValueError)   a search that cannot be run, resumed or verified
    │   └── InfeasibleError                  no config holds all constraints
    └── LateDriverWarning     (UserWarning)  a load driver fell behind; warned of, not raised
"""

__all__ = [
    "BatchDependenceWarning",
    "ConfigFileError",
    "DeadlineExceededError",
    "DrainTimeoutError",
    "EngineError",
    "ForeignProfileWarning",
    "InfeasibleError",
    "LabError",
    "LateDriverWarning",
    "LoadGenError",
    "ModelError",
    "NotRunningError",
    "OutputCountError",
    "OverloadWarning",
    "ProcessorTimeoutError",
    "ProfileError",
    "QueueFullError",
    "RequestTimeoutError",
    "SettingError",
    "TraceError",
    "TuningError",
    "UnkeyableInputError",
    "VariantError",
    "WorkerCrashedError",
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


class DeadlineExceededError(EngineError, TimeoutError):
    """The deadline that the request was given has passed."""


class DrainTimeoutError(EngineError, TimeoutError):
    """The request was still unanswered when the drain time of ``stop()`` ran out."""


class ProcessorTimeoutError(EngineError, TimeoutError):
    """A batch function ran longer than ``processor_timeout_ms``."""


class QueueFullError(EngineError):
    """The request was turned away by a full queue, or shed from one to make room."""


class WorkerCrashedError(EngineError):
    """The thread that ran the request's batch died."""


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


class LoadGenError(LabError, RuntimeError):
    """MLPerf LoadGen is not installed, is busy, or ended without a result."""


class ConfigFileError(LabError, ValueError):
    """A config file cannot be read or written."""


class BatchDependenceWarning(LabError, UserWarning):
    """A cache keeps answers that depend on what else was in the batch they were computed in.

    It is warned of, never raised, unless a warning filter makes warnings errors.
    """


class TuningError(LabError, ValueError):
    """A search for settings cannot be run, resumed or verified."""


class InfeasibleError(TuningError):
    """No config holds all constraints; says which one excludes all, and what comes nearest."""


class ExportWarning(LabError, UserWarning):
    """An exported setting that its target does not act on, or not exactly; warned of only."""


class LateDriverWarning(LabError, UserWarning):
    """A load driver fell behind its own schedule by more than is negligible.

    It is warned of, never raised, unless a warning filter makes warnings errors.
    """


class ProfileError(LabError, ValueError):
    """A service-time profile cannot be read or made, or does not hold what is asked of it."""


class ForeignProfileWarning(LabError, UserWarning):
    """A service-time profile is of another machine, or of another model.

    It is warned of, never raised, unless a warning filter makes warnings errors.
    """


class OverloadWarning(LabError, UserWarning):
    """A workload offers more than its config can serve, so that queues grow to its end.

    It is warned of, never raised, unless a warning filter makes warnings errors.
    """
