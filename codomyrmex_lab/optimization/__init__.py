"""The engine: request batching, result cache and model variants. Standard library only.

What happens when

=============================  ===================================================================
the model raises               Every caller of the batch gets the exception, others are unaffected,
                               nothing is cached, the error is logged with the request ids.
the model returns too few or   The same, with ``OutputCountError``, which says both numbers.
too many outputs
the model hangs                With ``processor_timeout_ms``: its callers get
                               ``ProcessorTimeoutError`` and a fresh worker takes over; a late
                               result is dropped. Without: the worker is gone until it returns.
                               An ``async`` call is cancelled too, and a loop that it blocks is left
                               to it. What a caller's own thread computes cannot be cut short:
                               ``infer_batch``, and ``infer`` on an engine that is not started,
                               return when the model does.
a worker thread dies           Its callers get ``WorkerCrashedError``; another takes its place.
a deadline passes              A waiting request fails with ``DeadlineExceededError`` and is not
                               computed: ``infer`` and ``ainfer`` return then, a future fails when
                               a worker is next idle, or, where it joined an identical request,
                               when that is answered. A late answer fails too, but is cached. On an
                               engine that is not started ``infer`` finds out when the model has
                               returned.
a caller cancels, or is        A waiting request frees its place at once. One whose batch runs is
interrupted (Ctrl-C, the       computed and cached; nobody waits for it. Requests that joined it
notebook's stop button)        are answered: where it still waited for a place, or ran in its
                               caller's thread, the first of them is computed in its stead. So it
                               is when a deadline comes before a place.
the queue is full              By ``queue_full``: the caller waits, or gets ``QueueFullError``, or
                               the request that has waited longest gets it.
``stop()``                     No more is accepted; what was is answered, or fails with
                               ``DrainTimeoutError`` past the drain time. No future stays pending.
                               From within a model call or an observer, what could only be answered
                               after it fails at once. Interrupted, it fails at once what is left;
                               ``start()`` works afterwards.
``reconfigure()``              Waiting requests follow the new settings, running batches end under
                               the old ones; nothing is lost or answered twice.
``clear_cache()``              What is being computed answers its callers but is not stored.
the interpreter exits          After all other threads have ended, running engines get 5 s to
                               answer; then as ``stop()``. Threads that are no daemons, those of a
                               ``ThreadPoolExecutor`` too, are waited for before: one that waits
                               for a partial ``FIXED`` batch never ends, unless the main thread
                               calls ``flush()`` or ``stop()`` (or leaves a ``with`` block) first.
                               An ``async`` model can start no threads any more.
the process forks              The parent goes on. The child's copy refuses requests until it is
                               stopped and started; a new engine works there too. What was in
                               flight is answered in the parent, and in the child computed anew when
                               it is asked for.
=============================  ===================================================================
"""

from codomyrmex_lab.optimization.batched import batched
from codomyrmex_lab.optimization.batcher import RequestBatcher
from codomyrmex_lab.optimization.cache import InferenceCache
from codomyrmex_lab.optimization.models import (
    BatchingStrategy,
    CloseReason,
    InferenceRequest,
    InferenceResult,
    InferenceStats,
    OptimizationConfig,
    QuantizationType,
    QueueFullAction,
    SupportsVariants,
)
from codomyrmex_lab.optimization.observer import EngineObserver
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer

__all__ = [
    "BatchingStrategy",
    "CloseReason",
    "EngineObserver",
    "InferenceCache",
    "InferenceOptimizer",
    "InferenceRequest",
    "InferenceResult",
    "InferenceStats",
    "OptimizationConfig",
    "QuantizationType",
    "QueueFullAction",
    "RequestBatcher",
    "SupportsVariants",
    "batched",
]
