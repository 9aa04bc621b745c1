"""A thread that works at a steady pace and sleeps soundly."""

import threading

from codomyrmex_lab.dashboards.ticker import Ticker
from tests.dashboards.conftest import WAIT_S


def test_it_works_while_it_runs_and_not_otherwise() -> None:
    calls = threading.Semaphore(0)
    ticker = Ticker(calls.release, period_s=0.001, name="ticker-of-test")
    try:
        assert not calls.acquire(blocking=False)
        ticker.start()
        for _ in range(5):
            assert calls.acquire(timeout=WAIT_S)
        ticker.pause()
        ticker.once()
        assert calls.acquire(timeout=WAIT_S)
    finally:
        ticker.close()
    assert "ticker-of-test" not in [thread.name for thread in threading.enumerate()]


def test_a_paused_ticker_works_once_when_asked() -> None:
    calls = threading.Semaphore(0)
    ticker = Ticker(calls.release, period_s=3600.0, name="ticker-of-test")
    try:
        ticker.once()
        assert calls.acquire(timeout=WAIT_S)
        ticker.once()
        assert calls.acquire(timeout=WAIT_S)
    finally:
        ticker.close()
