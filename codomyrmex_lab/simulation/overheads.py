"""What the engine and the load driver add to the model's own time."""

from __future__ import annotations

from dataclasses import dataclass, fields

from codomyrmex_lab.errors import ProfileError

__all__ = ["Overheads"]


@dataclass(frozen=True, slots=True)
class Overheads:
    """Constants of one machine, in ns; all 0 for an ideal engine.

    One thread submits all requests: it wakes ``submit_ns`` after a request is due, on an ordinary
    occasion, and each submission takes ``submit_interval_ns``; a request that is due meanwhile
    follows at once. A hit is answered ``hit_ns`` after its submission.

    A batch of n requests begins ``dispatch_ns + n * dispatch_request_ns`` after the moment at
    which it may leave; ``wake_ns`` later where the last arrival woke an idle worker. A worker
    that sleeps until a due time looks ``timer_ns`` after it. When the model call has ended, its
    requests are answered, and the worker is idle again
    ``deliver_ns + n * deliver_request_ns`` later.

    Driver and workers share one interpreter: while a worker answers requests nothing is submitted,
    and a worker whose model call has ended answers once the driver sleeps.

    Where the cache is on, each submission takes ``key_ns`` more, and each delivered request
    ``store_request_ns`` more. Under ADAPTIVE each request of a batch that begins takes
    ``learn_request_ns`` more.

    Parameters
    ----------
    submit_ns, submit_interval_ns, hit_ns : float
        Of the driver and of the way into the engine.
    wake_ns, timer_ns : float
        Of a sleeping worker.
    dispatch_ns, dispatch_request_ns : float
        From the decision to the model call, per batch and per request in it.
    deliver_ns, deliver_request_ns : float
        From the end of the model call to an idle worker, per batch and per request in it.
    key_ns, store_request_ns : float
        Of the cache, per request.
    learn_request_ns : float
        Of the ADAPTIVE strategy, per request.

    Raises
    ------
    ProfileError
        A constant is negative or not finite.
    """

    submit_ns: float = 0.0
    submit_interval_ns: float = 0.0
    hit_ns: float = 0.0
    wake_ns: float = 0.0
    timer_ns: float = 0.0
    dispatch_ns: float = 0.0
    dispatch_request_ns: float = 0.0
    deliver_ns: float = 0.0
    deliver_request_ns: float = 0.0
    key_ns: float = 0.0
    store_request_ns: float = 0.0
    learn_request_ns: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < float("inf"):
                raise ProfileError(
                    f"{field.name} is {value!r}; expected a finite number of ns of at least 0."
                )
