"""A decorator that turns a batch function into a function of one item."""

from __future__ import annotations

import inspect
import threading
import weakref
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from functools import partial, update_wrapper, wraps
from types import MethodType
from typing import Any, overload

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.optimization.models import InferenceResult, OptimizationConfig
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer

__all__ = ["AsyncBatchedFunction", "BatchedFunction", "batched"]


class BatchedFunction:
    """A function of one item, whose concurrent calls share batches and a cache.

    The engine starts with the first call and stops with :meth:`stop`, or with the interpreter.
    As a method it has an engine for each instance, which stops when the instance is gone; what
    was submitted keeps the instance until it is answered. A cached answer does not see that an
    attribute of the instance has changed: call ``engine.clear_cache()`` then.

    Parameters
    ----------
    batch_fn : callable
        Maps a list of items to as many outputs in the same order.
    make_engine : callable
        Returns an engine for a batch function.
    """

    _instance: Any = None

    def __init__(
        self, batch_fn: Callable[..., Any], make_engine: Callable[..., InferenceOptimizer]
    ) -> None:
        self._batch_fn = batch_fn
        self._make_engine = make_engine
        self._engine = make_engine(batch_fn)
        self._engines: dict[int, InferenceOptimizer] = {}  # by id: instances may not be hashable
        update_wrapper(self, batch_fn)

    def __get__(self, instance: Any, owner: type | None = None) -> BatchedFunction:
        """Return the same function, bound to an instance."""
        if instance is None or self._instance is not None:
            return self
        bound = object.__new__(type(self))
        vars(bound).update(vars(self))
        bound._instance = instance
        bound._engine = self._engine_of(instance)
        bound.__wrapped__ = MethodType(self._batch_fn, instance)  # type: ignore[attr-defined]
        return bound

    def _engine_of(self, instance: Any) -> InferenceOptimizer:
        engine = self._engines.get(id(instance))
        if engine is None:
            made = self._make_engine(_weakly_bound(self._batch_fn, instance))
            engine = self._engines.setdefault(id(instance), made)
            if engine is made:
                weakref.finalize(instance, self._end, id(instance)).atexit = False
        return engine

    def _end(self, instance_id: int) -> None:
        """Stop the engine of an instance that is gone, in a thread that may wait for its workers.

        An instance is let go by any thread, one of these workers too, whatever it does just then.
        """
        engine = self._engines.pop(instance_id)
        if engine.is_running:
            threading.Thread(target=engine.stop, name="batch-stop", daemon=True).start()

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
        future = self.engine.submit(item, **options)
        if (instance := self._instance) is not None:
            future.add_done_callback(partial(_let_go, instance))
        return future

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


@overload
def batched(
    config: Callable[..., Any],
    *,
    key_fn: Callable[[Any], Hashable] | None = None,
    bucket_fn: Callable[[Any], Hashable] | None = None,
    **settings: Any,
) -> BatchedFunction: ...


@overload
def batched(
    config: OptimizationConfig | None = None,
    *,
    key_fn: Callable[[Any], Hashable] | None = None,
    bucket_fn: Callable[[Any], Hashable] | None = None,
    **settings: Any,
) -> Callable[[Callable[..., Any]], BatchedFunction]: ...


def batched(
    config: OptimizationConfig | Callable[..., Any] | None = None,
    *,
    key_fn: Callable[[Any], Hashable] | None = None,
    bucket_fn: Callable[[Any], Hashable] | None = None,
    **settings: Any,
) -> BatchedFunction | Callable[[Callable[..., Any]], BatchedFunction]:
    """Return a decorator that turns a batch function into a function of one item.

    Parameters
    ----------
    config : OptimizationConfig or None
        Settings of the engine; the defaults if None. Used without parentheses, as ``@batched``,
        it takes the function here.
    key_fn, bucket_fn : callable or None
        As for :class:`InferenceOptimizer`.
    **settings
        Fields of the config to change, by name.

    Returns
    -------
    callable
        The decorator. An ``async`` batch function becomes an ``async`` function of one item, and
        a method a method, with an engine for each instance.

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
    function = None
    if config is not None and not isinstance(config, OptimizationConfig):
        if not callable(config):
            raise SettingError(
                f"batched was given {config!r}; expected an OptimizationConfig, settings by name, "
                "or the batch function itself."
            )
        function, config = config, None
    chosen = (config or OptimizationConfig()).replace(**settings)
    make_engine = partial(InferenceOptimizer, config=chosen, key_fn=key_fn, bucket_fn=bucket_fn)

    def decorate(batch_fn: Callable[..., Any]) -> BatchedFunction:
        if inspect.iscoroutinefunction(batch_fn):
            return AsyncBatchedFunction(batch_fn, make_engine)
        return BatchedFunction(batch_fn, make_engine)

    return decorate if function is None else decorate(function)


def _let_go(instance: Any, future: Future[Any]) -> None:
    """Do nothing: who holds this with the instance bound to it has kept the instance so far."""


def _weakly_bound(batch_fn: Callable[..., Any], instance: Any) -> Callable[..., Any]:
    """Return a method of an instance that does not keep it, as an engine's threads would."""
    try:
        refer = weakref.ref(instance)
    except TypeError:
        raise SettingError(
            f"An instance of {type(instance).__qualname__} cannot be referred to weakly, so a "
            "batched method cannot have an engine for it; add '__weakref__' to its __slots__, or "
            "decorate a function."
        ) from None

    def held() -> Any:
        if (kept := refer()) is None:
            raise ReferenceError("The instance is gone, and with it all who wanted an answer.")
        return kept

    if inspect.iscoroutinefunction(batch_fn):

        @wraps(batch_fn)
        async def run_async(items: list[Any]) -> Any:
            return await batch_fn(held(), items)

        return run_async

    @wraps(batch_fn)
    def run(items: list[Any]) -> Any:
        return batch_fn(held(), items)

    return run
