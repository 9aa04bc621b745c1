"""Trials on a Ray cluster, through Ray's joblib backend (extra ``ray``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import joblib

from codomyrmex_lab.errors import TuningError

__all__ = ["on_ray"]

# What runs on a node that is lost is started again on another. Workers reserve no core, since a
# node that takes over has none to spare; there are no more of them than the cluster has cores.
_WORKERS = {
    "max_restarts": 10,
    "max_task_retries": 100,
    "num_cpus": 0,
    "scheduling_strategy": "SPREAD",
}


@contextmanager
def on_ray(address: str | None = None) -> Iterator[None]:
    """Run the trials of searches on a Ray cluster.

    Parameters
    ----------
    address : str or None
        The cluster's, unless this program is connected already; Ray's own way of finding one, or
        starting one here, if None.

    Raises
    ------
    TuningError
        Ray is not installed, or there is no cluster at the address.

    Examples
    --------
    >>> with on_ray("ray://head:10001"):
    ...     result = tune(workload, profile, "cost", "p99_ms <= 50")
    """
    try:
        import ray  # noqa: PLC0415 (an extra)
        from ray.util.joblib import register_ray  # noqa: PLC0415
    except ImportError as error:
        raise TuningError(
            f"Ray cannot be imported ({error}); pip install 'codomyrmex-lab[ray]'."
        ) from error
    if not ray.is_initialized():
        try:
            ray.init(address=address, log_to_driver=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise TuningError(f"There is no Ray cluster at {address!r} ({error}).") from error
    register_ray()  # type: ignore[no-untyped-call]
    with joblib.parallel_config(backend="ray", ray_remote_args=_WORKERS):
        yield
