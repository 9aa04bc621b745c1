"""A decorator that turns a batch function into a function of one item."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from concurrent.futures import Future
from functools import update_wrapper
from typing import Any

from codomyrmex_lab.optimization.models import InferenceResult, OptimizationConfig
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer

__all__ = ["AsyncBatchedFunction", "BatchedFunction", "batched"]


class BatchedFunction:
    """A function of one item, whose concurrent calls share batches and a cache.

    The engine starts with the first call and stops with :meth:`stop`, or with the interpreter.

    Parameters
    ----------
    batch_fn : callable
        Maps a list of items to as many outputs in the same order.
    config : OptimizationConfig
        Settings of the engine.
    """

    def __init__(self, batch_fn: Callable[..., Any], config: OptimizationConfig) -> None:
        self._engine = InferenceOptimizer(batch_fn, config)
        update_wrapper(self, batch_fn)

    @property
    def engine(self) -> InferenceOptimizer:
        """The running engine: its statistics, its cache, its settings."""
        self._engine.start()
        return self._engine

    def __call__(
        self,
        item: Any,
        *,
        use_cache: bool = True,
        priority: int = 0,
        timeout_ms: float | None = None,
    ) -> Any:
        """Return the output of one item; see :meth:`InferenceOptimizer.infer`."""
        result = self.engine.infer(item, use_cache, priority=priority, timeout_ms=timeout_ms)
        return result.output

    def submit(self, item: Any, **options: Any) -> Future[InferenceResult[Any]]:
        """Submit one item without waiting; see :meth:`InferenceOptimizer.submit`."""
        return self.engine.submit(item, **options)

    def stop(self) -> None:
        """Answer what was accepted and stop the engine; the next call starts it again."""
        self._engine.stop()


class AsyncBatchedFunction(BatchedFunction):
    """The same for a batch function that is a coroutine function: a call is awaited."""

    async def __call__(
        self,
        item: Any,
        *,
        use_cache: bool = True,
        priority: int = 0,
        timeout_ms: float | None = None,
    ) -> Any:
        """Return the output of one item; see :meth:`InferenceOptimizer.ainfer`."""
        result = await self.engine.ainfer(item, use_cache, priority=priority, timeout_ms=timeout_ms)
        return result.output


def batched(
    config: OptimizationConfig | None = None, **settings: Any
) -> Callable[[Callable[..., Any]], BatchedFunction]:
    """Return a decorator that turns a batch function into a function of one item.

    Parameters
    ----------
    config : OptimizationConfig or None
        Settings of the engine; the defaults if None.
    **settings
        Fields of the config to change, by name.

    Returns
    -------
    callable
        The decorator. An ``async`` batch function becomes an ``async`` function of one item.

    Raises
    ------
    SettingError
        An unknown setting, or a value outside its range.

    Examples
    --------
    >>> @batched(max_batch_size=8, batch_timeout_ms=1.0)
    ... def double(numbers: list[int]) -> list[int]:
    ...     return [2 * number for number in numbers]
    >>> double(21)
    42
    >>> double.stop()
    """
    chosen = (config or OptimizationConfig()).replace(**settings)

    def decorate(batch_fn: Callable[..., Any]) -> BatchedFunction:
        if inspect.iscoroutinefunction(batch_fn):
            return AsyncBatchedFunction(batch_fn, chosen)
        return BatchedFunction(batch_fn, chosen)

    return decorate
