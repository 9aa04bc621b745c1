import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from codomyrmex_lab.errors import SettingError, TraceError
from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig
from codomyrmex_lab.tracing import Trace, TraceRecorder

from .conftest import MakeBatch, MakeRequest


def record(recorder: TraceRecorder, make_batch: MakeBatch, make_request: MakeRequest) -> None:
    for batch in range(2000):
        first = 3 * batch
        error = ValueError(f"number {batch}") if batch % 100 == 0 else None
        requests = [make_request(first, first), make_request(first + 1, first + 1)]
        recorder.on_batch(make_batch(batch, requests, first + 5, first + 9, error=error))
        recorder.on_cache_hit(first + 2, 0, ("k", batch), first + 2, first + 3)


def test_chunks_hold_what_memory_would(
    tmp_path: Path, make_batch: MakeBatch, make_request: MakeRequest
) -> None:
    in_memory = TraceRecorder()
    record(in_memory, make_batch, make_request)
    with TraceRecorder({"speed": 2}, spill_to=tmp_path / "run", chunk_size=1500) as spilled:
        record(spilled, make_batch, make_request)
        assert len(spilled) == 6000

    opened = Trace.open(tmp_path / "run")

    assert len(list((tmp_path / "run").iterdir())) > 3
    pd.testing.assert_frame_equal(opened.frame(), in_memory.trace().frame())
    pd.testing.assert_frame_equal(opened.batches, in_memory.trace().batches)
    assert opened.metadata["speed"] == 2


def test_trace_of_a_spilling_recorder_is_complete_and_does_not_change(tmp_path: Path) -> None:
    with TraceRecorder(spill_to=tmp_path / "run", chunk_size=10) as recorder:
        recorder.on_cache_hit(0, 0, "key", 0, 1)
        trace = recorder.trace({"note": "live"})
        recorder.on_cache_hit(1, 0, "key", 2, 3)

        assert len(trace) == len(trace.frame()) == 1
        assert trace.metadata["note"] == "live"
        assert len(recorder.trace()) == 2


def test_what_comes_after_close_is_still_recorded(tmp_path: Path) -> None:
    recorder = TraceRecorder(spill_to=tmp_path / "run")
    recorder.close()
    assert len(Trace.open(tmp_path / "run")) == 0
    recorder.on_cache_hit(0, 0, "key", 0, 1)
    recorder.close()

    assert len(Trace.open(tmp_path / "run")) == 1


def test_memory_stays_bounded(
    tmp_path: Path, make_batch: MakeBatch, make_request: MakeRequest
) -> None:
    with TraceRecorder(spill_to=tmp_path / "run", chunk_size=1000) as recorder:
        for _ in range(3):
            record(recorder, make_batch, make_request)
            kept = sum(map(len, recorder._log.blocks)) + len(recorder._rows)
            assert kept < 3000 * 40


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_killed_process_leaves_what_it_had_written(tmp_path: Path) -> None:
    program = f"""
from codomyrmex_lab.tracing import TraceRecorder
recorder = TraceRecorder({{"speed": 3}}, spill_to={str(tmp_path / "run")!r}, chunk_size=2000)
number = 0
while True:
    recorder.on_cache_hit(number, 0, number, number, number + 1)
    number += 1
"""
    process = subprocess.Popen([sys.executable, "-c", program])
    try:
        while process.poll() is None and not _has_chunks(tmp_path / "run", 5):
            pass
        assert process.poll() is None
    finally:
        process.kill()
        process.wait(20)

    assert process.returncode == -signal.SIGKILL
    trace = Trace.open(tmp_path / "run")
    assert len(trace) >= 5 * 2000
    assert trace.requests["id"].tolist() == list(range(len(trace)))
    assert trace.metadata["speed"] == 3


def _has_chunks(folder: Path, n: int) -> bool:
    return folder.is_dir() and len([*folder.glob("chunk-*.parquet")]) >= n


def test_process_that_forgets_to_close_loses_nothing(tmp_path: Path) -> None:
    program = f"""
from codomyrmex_lab.tracing import TraceRecorder
recorder = TraceRecorder(spill_to={str(tmp_path / "run")!r}, chunk_size=2000)
for number in range(5000):
    recorder.on_cache_hit(number, 0, number, number, number + 1)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)

    assert len(Trace.open(tmp_path / "run")) == 5000


def test_failing_writer_is_told_of_once_with_what_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    recorder = TraceRecorder(spill_to=folder, chunk_size=1)
    recorder.on_cache_hit(0, 0, "key", 0, 1)
    recorder.flush()
    (folder / "chunk-000001.parquet").mkdir()  # the place of the next chunk is taken
    (folder / "chunk-000001.parquet" / "file").touch()
    for number in range(1, 4):
        recorder.on_cache_hit(number, 0, "key", 0, 1)

    with pytest.raises(TraceError, match=r"incomplete: chunk 1 could not .* 3 records are lost"):
        recorder.close()
    recorder.close()
    os.remove(folder / "chunk-000001.parquet" / "file")
    os.rmdir(folder / "chunk-000001.parquet")
    recorder.on_cache_hit(4, 0, "key", 2, 3)
    recorder.close()
    assert Trace.open(folder).requests["id"].tolist() == [0, 4]


def test_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(TraceError, match="not empty"):
        TraceRecorder(spill_to=tmp_path)
    with pytest.raises(TraceError, match="no usable folder"):
        TraceRecorder(spill_to=tmp_path / "file")
    with pytest.raises(SettingError, match="chunk_size is 0"):
        TraceRecorder(spill_to=tmp_path / "new", chunk_size=0)


def test_engine_with_several_workers_spills_everything(tmp_path: Path) -> None:
    def model(inputs: list[str]) -> list[str]:
        return inputs

    config = OptimizationConfig(max_batch_size=8, batch_timeout_ms=1, num_workers=3)
    with (
        TraceRecorder(spill_to=tmp_path / "run", chunk_size=500) as recorder,
        InferenceOptimizer(model, config, observer=recorder) as engine,
    ):

        def offer(thread: int) -> None:
            for number in range(1000):
                engine.submit(f"{thread} {number % 700}").result()

        threads = [threading.Thread(target=offer, args=(thread,)) for thread in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stats = engine.stats

    trace = Trace.open(tmp_path / "run")
    assert len(trace) == stats.total_requests == 4000
    assert trace.requests["id"].is_unique
    assert len(trace.batches) == stats.total_batches
    assert trace.summary().mean_batch_size == pytest.approx(stats.avg_batch_size)


def test_payloads_are_not_recorded_unless_asked_for(tmp_path: Path) -> None:
    def redacted(text: str) -> str | None:
        return None if "secret" in text else text.upper()

    for spill_to in (None, tmp_path / "run"):
        recorders = [TraceRecorder(), TraceRecorder(payloads=True)]
        recorders.append(TraceRecorder(payloads=redacted, spill_to=spill_to))
        engine = InferenceOptimizer(lambda texts: texts)
        for recorder in recorders:
            engine.attach(recorder)
        engine.infer_batch(["a", "my secret", "a"])

        nothing, everything, some = [recorder.trace().requests for recorder in recorders]

        assert "payload" not in nothing
        assert everything["payload"].tolist() == ["a", "my secret", "a"]
        assert some["payload"].fillna("-").tolist() == ["A", "-", "A"]
        recorders[2].close()
    assert TraceRecorder(payloads=True)._text([1, 2]) == "[1, 2]"
    with pytest.raises(SettingError, match="payloads is 'yes'"):
        TraceRecorder(payloads="yes")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "logged"),
    [
        (ZeroDivisionError("no text"), "no text"),
        (5, "payloads made a int of the input of request 0; expected text, or None"),
    ],
)
def test_failing_redaction_loses_the_payload_and_not_the_request(
    tmp_path: Path, made: Any, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    def redacted(_: object) -> str:
        if isinstance(made, Exception):
            raise made
        return made  # type: ignore[no-any-return]

    with TraceRecorder(payloads=redacted, spill_to=tmp_path / "run") as recorder:
        InferenceOptimizer(list, observer=recorder).infer_batch(["a", "b"])

    requests = Trace.open(tmp_path / "run").requests
    assert len(requests) == 2
    assert requests["payload"].isna().all()
    assert logged in caplog.text


def test_text_that_utf_8_cannot_hold_is_escaped(tmp_path: Path) -> None:
    def model(inputs: list[str]) -> list[str]:
        raise ValueError(inputs[0])

    with TraceRecorder(payloads=True, spill_to=tmp_path / "run") as recorder:
        engine = InferenceOptimizer(model, observer=recorder)
        with pytest.raises(ValueError, match="half"):
            engine.infer_batch(["half \ud83d"])

    frame = Trace.open(tmp_path / "run").frame()
    assert frame["payload"].tolist() == ["half \\ud83d"]
    assert frame["error"].tolist() == ["ValueError: half \\ud83d"]
