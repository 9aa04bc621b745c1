"""What callers are told when the engine fails their request: one error for each way to end."""

from codomyrmex_lab.errors import (
    DeadlineExceededError,
    DrainTimeoutError,
    ProcessorTimeoutError,
    QueueFullError,
    WorkerCrashedError,
)
from codomyrmex_lab.optimization.models import NS_PER_MS

__all__ = [
    "crash_error",
    "deadline_error",
    "drain_error",
    "full_error",
    "hang_error",
    "late_error",
    "no_answer_error",
    "no_place_error",
    "shed_error",
]


def drain_error() -> DrainTimeoutError:
    """Say that the drain time of ``stop()`` ran out."""
    return DrainTimeoutError(
        "The engine was stopped and the request was not answered within the drain time; give "
        "stop() a longer drain_timeout_s, or submit again after start()."
    )


def deadline_error() -> DeadlineExceededError:
    """Say that the deadline came before the batch."""
    return DeadlineExceededError(
        "The deadline passed before the request's batch began; it was not computed. Give a longer "
        "timeout_ms, or settings under which requests wait less."
    )


def full_error(max_queue_size: int | None) -> QueueFullError:
    """Say that the queue was full."""
    return QueueFullError(
        f"{max_queue_size} requests wait already, as many as max_queue_size allows; submit fewer, "
        "or later, or choose another queue_full action."
    )


def no_place_error() -> DeadlineExceededError:
    """Say that the queue was full until the deadline."""
    return DeadlineExceededError(
        "The queue was full until the deadline; give a longer timeout_ms, raise max_queue_size, or "
        "send less."
    )


def shed_error() -> QueueFullError:
    """Say that a newer request took its place in a full queue."""
    return QueueFullError(
        "The queue was full and this request, which had waited longest, made room for a newer one; "
        "raise max_queue_size, or send less."
    )


def hang_error(timeout_ns: int) -> ProcessorTimeoutError:
    """Say that the model call ran longer than allowed."""
    return ProcessorTimeoutError(
        f"The model call ran longer than processor_timeout_ms = {timeout_ns / NS_PER_MS:g}; its "
        "result, if it ever comes, is dropped."
    )


def crash_error(error: BaseException) -> WorkerCrashedError:
    """Say that the worker that ran the batch died."""
    return WorkerCrashedError(
        f"The thread that ran the request's batch died of {type(error).__name__}: {error}; "
        "submit it again."
    )


def late_error() -> DeadlineExceededError:
    """Say that the deadline came while the batch ran."""
    return DeadlineExceededError(
        "The deadline passed while the request's batch ran; give a longer timeout_ms, or settings "
        "under which requests wait less."
    )


def no_answer_error(timeout_ms: float | None) -> DeadlineExceededError:
    """Say that the caller of ``infer`` or ``ainfer`` has waited until its deadline."""
    return DeadlineExceededError(
        f"No answer within timeout_ms = {timeout_ms}; give a longer one, or settings under which "
        "requests wait less."
    )
