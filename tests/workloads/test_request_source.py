import threading

import numpy as np
import pandas as pd

from codomyrmex_lab.workloads import Workload
from codomyrmex_lab.workloads.request_source import RequestSource

WORKLOAD = Workload(
    np.zeros(3),
    payloads=["a", "b", "c"],
    priorities=[0, 1, 2],
    columns=pd.DataFrame({"timeout_ms": [5.0, np.nan, 20.0]}),
)
REQUESTS = [("a", 0, 5.0), ("b", 1, None), ("c", 2, 20.0)]


def source_of(
    workload: Workload = WORKLOAD, *, repeated: bool = False, duration_s: float | None = None
) -> RequestSource:
    return RequestSource(workload, repeated=repeated, duration_s=duration_s, goes_on=lambda: True)


def test_requests_come_once_and_in_their_order() -> None:
    source = source_of()
    assert [source.take() for _ in range(4)] == [*REQUESTS, None]


def test_repeated_requests_begin_anew() -> None:
    source = source_of(repeated=True)
    assert [source.take() for _ in range(4)] == [*REQUESTS, REQUESTS[0]]


def test_nothing_comes_after_the_end() -> None:
    closed = source_of()
    closed.close()
    over = RequestSource(WORKLOAD, repeated=True, duration_s=None, goes_on=lambda: False)
    late = source_of(duration_s=1e-9)
    assert [source.take() for source in (closed, over, late)] == [None] * 3


def test_several_threads_share_the_requests() -> None:
    source = source_of(Workload(np.zeros(2000)))
    taken: list[list[int]] = [[], [], []]

    def take_all(own: list[int]) -> None:
        while (request := source.take()) is not None:
            own.append(request[0])

    threads = [threading.Thread(target=take_all, args=(own,)) for own in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken[0] + taken[1] + taken[2]) == list(range(2000))
