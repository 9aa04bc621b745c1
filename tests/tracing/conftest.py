"""Finished batches of the real engine's own kind, with times of the test's choosing."""

from collections.abc import Callable

import pytest

from codomyrmex_lab.optimization.batch import Batch
from codomyrmex_lab.optimization.clock import FOREVER_NS
from codomyrmex_lab.optimization.models import CloseReason
from codomyrmex_lab.optimization.request import PendingRequest, Terms
from codomyrmex_lab.optimization.variants import Variant

MakeBatch = Callable[..., Batch]
MakeRequest = Callable[..., PendingRequest]


@pytest.fixture
def make_request() -> MakeRequest:
    def make(
        id: int,
        arrival_ns: int,
        *,
        key: object = None,
        priority: int = 0,
        deadline_ns: int = FOREVER_NS,
        joined: tuple[PendingRequest, ...] = (),
    ) -> PendingRequest:
        terms = Terms(None, priority, deadline_ns, key)
        request = PendingRequest(id, None, arrival_ns, arrival_ns, terms)
        for other in joined:
            request.join(other)
        return request

    return make


@pytest.fixture
def make_batch() -> MakeBatch:
    def make(
        id: int,
        requests: list[PendingRequest],
        start_ns: int,
        end_ns: int,
        *,
        reason: CloseReason = CloseReason.FULL,
        worker: int = 0,
        error: BaseException | None = None,
    ) -> Batch:
        batch = Batch(id, requests, reason, worker, Variant("fp32", list))
        batch.start_ns, batch.end_ns, batch.error = start_ns, end_ns, error
        return batch

    return make
