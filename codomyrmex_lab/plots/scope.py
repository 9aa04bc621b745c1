"""What a figure rests on: measured or simulated, how many, over which time."""

from __future__ import annotations

from dataclasses import dataclass

from codomyrmex_lab.tracing import Trace

__all__ = ["Scope", "scope_of"]


@dataclass(frozen=True, slots=True)
class Scope:
    """What a trace rests on.

    Parameters
    ----------
    origin : str
        ``"measured"`` or ``"simulated"``.
    n_requests, n_errors, n_batches : int
        Requests, those among them that failed, and model calls.
    duration_s : float
        From the first arrival to the last answer, in s.
    """

    origin: str
    n_requests: int
    n_errors: int
    n_batches: int
    duration_s: float

    def of_requests(self) -> str:
        """Return the words for a figure of requests."""
        failed = f", {self.n_errors:,} failed" if self.n_errors else ""
        return f"{self.origin}, n = {self.n_requests:,}{failed}, {self.duration_s:.3g} s"

    def of_batches(self) -> str:
        """Return the words for a figure of batches."""
        return f"{self.origin}, n = {self.n_batches:,} batches, {self.duration_s:.3g} s"


def scope_of(trace: Trace) -> Scope:
    """Return what a trace rests on."""
    summary = trace.summary()
    return Scope(
        origin="simulated" if trace.metadata.get("simulated") else "measured",
        n_requests=summary.n_requests,
        n_errors=summary.n_errors,
        n_batches=len(trace.batches),
        duration_s=summary.duration_s,
    )
