import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from codomyrmex_lab.errors import VariantError
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.runtimes import OnnxModel
from codomyrmex_lab.runtimes.conversion_cache import ConversionCache, default_cache_dir
from tests.runtimes.conftest import Heldout

INT8 = QuantizationType.INT8

CONVERT_ON_GO = """
import sys
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.runtimes import OnnxModel
model = OnnxModel(sys.argv[1], cache_dir=sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
print(model.variant(QuantizationType.INT8).path, flush=True)
"""

CONVERT_STEP_BY_STEP = """
import sys
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.runtimes import OnnxModel
def pause(*step):
    print(*step, flush=True)
    sys.stdin.readline()
model = OnnxModel(sys.argv[1], cache_dir=sys.argv[2], progress=pause)
model.variant(QuantizationType.INT8)
"""

WRITE_HALF = """
import sys
from pathlib import Path
from codomyrmex_lab.runtimes.conversion_cache import ConversionCache
def make(path):
    path.write_text("half")
    print("half", flush=True)
    sys.stdin.readline()
ConversionCache(Path(sys.argv[1])).get("a.onnx", make)
"""


def start(program: str, *arguments: Path) -> subprocess.Popen[str]:
    """Start a program and wait for its first line."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline()
    return process


def test_file_is_made_once(tmp_path: Path) -> None:
    cache = ConversionCache(tmp_path / "new" / "folder", is_whole=Path.is_file)
    made = [cache.get("a.onnx", lambda path: path.write_text("first")) for _ in range(2)]
    again = cache.get("a.onnx", lambda path: path.write_text("second"))
    assert {*made, again} == {tmp_path / "new" / "folder" / "a.onnx"}
    assert again.read_text() == "first"


def test_failing_conversion_leaves_nothing(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_text("half")
        raise VariantError("no")

    with pytest.raises(VariantError, match="no"):
        ConversionCache(tmp_path).get("a.onnx", fail)
    assert list(tmp_path.iterdir()) == []


def test_killed_conversion_leaves_no_broken_file(tmp_path: Path) -> None:
    process = start(WRITE_HALF, tmp_path)
    process.kill()
    process.communicate()
    path = ConversionCache(tmp_path).get("a.onnx", lambda path: path.write_text("whole"))
    assert path.read_text() == "whole"


@pytest.mark.skipif(os.name != "posix", reason="kills a group of processes")
@pytest.mark.parametrize("n_steps", [0, 1])
def test_conversion_of_a_real_model_may_be_killed_at_any_step(
    digits_path: Path, tmp_path: Path, digits: OnnxModel, heldout: Heldout, n_steps: int
) -> None:
    process = start(CONVERT_STEP_BY_STEP, digits_path, tmp_path)
    for _ in range(n_steps):
        process.stdin.write("go on\n")
        process.stdin.flush()
        process.stdout.readline()
    os.killpg(process.pid, signal.SIGKILL)  # the worker as well
    process.communicate()
    assert not list(tmp_path.glob("*.onnx"))
    with OnnxModel(digits_path, cache_dir=tmp_path) as model:
        np.testing.assert_array_equal(
            model.variant(INT8)(heldout.payloads), digits.variant(INT8)(heldout.payloads)
        )


def test_draft_of_a_killed_process_is_removed_a_day_later(tmp_path: Path) -> None:
    for name in ("old", "new"):
        draft = tmp_path / f".converting-{name}" / "a.onnx"
        draft.parent.mkdir()
        draft.write_text("half")
    os.utime(tmp_path / ".converting-old", (0, 0))
    ConversionCache(tmp_path).get("b.onnx", lambda path: path.write_text("whole"))
    assert {path.name for path in tmp_path.iterdir()} == {".converting-new", "b.onnx"}


@pytest.mark.parametrize("kept", [0, 100, 0.5, -1])
def test_converted_file_that_was_cut_off_is_made_again(
    digits_path: Path, tmp_path: Path, heldout: Heldout, kept: float
) -> None:
    with OnnxModel(digits_path, cache_dir=tmp_path) as model:
        path, expected = model.variant(INT8).path, model.variant(INT8)(heldout.payloads)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    with OnnxModel(digits_path, cache_dir=tmp_path) as model:
        np.testing.assert_array_equal(model.variant(INT8)(heldout.payloads), expected)
    assert path.read_bytes() == whole


def test_time_of_a_conversion_is_told_once_and_is_zero_from_the_cache(
    digits_path: Path, tmp_path: Path
) -> None:
    with OnnxModel(digits_path, cache_dir=tmp_path) as model:
        statuses = model.variants()
        assert statuses[QuantizationType.FP32].conversion_s == 0.0
        assert all(statuses[q].conversion_s > 0 for q in statuses if q.value != "fp32")
        assert model.variants() == statuses
    with OnnxModel(digits_path, cache_dir=tmp_path) as model:
        assert [status.conversion_s for status in model.variants().values()] == [0.0] * 4


def test_two_processes_may_convert_the_same_file_at_once(
    digits_path: Path, tmp_path: Path, digits: OnnxModel, heldout: Heldout
) -> None:
    processes = [start(CONVERT_ON_GO, digits_path, tmp_path) for _ in range(2)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    paths = {process.communicate()[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert paths == {str(path) for path in tmp_path.iterdir()}
    with OnnxModel(digits_path, cache_dir=tmp_path) as model:
        np.testing.assert_array_equal(
            model.variant(INT8)(heldout.payloads), digits.variant(INT8)(heldout.payloads)
        )


def test_second_model_reuses_the_converted_file(digits: OnnxModel, digits_cache: Path) -> None:
    first = digits.variant(INT8).path
    before = first.stat()
    with OnnxModel(digits.path, cache_dir=digits_cache) as model:
        second = model.variant(INT8).path
    assert second == first
    after = second.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


def test_folder_that_cannot_be_written_is_named_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(VariantError, match="CODOMYRMEX_LAB_CACHE") as caught:
        ConversionCache(tmp_path / "file" / "cache").get("a.onnx", lambda path: None)
    assert str(tmp_path / "file" / "cache") in str(caught.value)


def test_environment_names_the_default_folder(
    own_cache_folder: Path, digits_path: Path, heldout: Heldout
) -> None:
    assert default_cache_dir() == own_cache_folder
    with OnnxModel(digits_path) as model:
        model(heldout.payloads[:1])
    assert not own_cache_folder.exists()  # nothing was converted


def test_default_folder_is_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CODOMYRMEX_LAB_CACHE")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "codomyrmex_lab"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_dir() == Path.home() / ".cache" / "codomyrmex_lab"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert default_cache_dir() == Path.home() / "Library" / "Caches" / "codomyrmex_lab"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert default_cache_dir() == tmp_path / "codomyrmex_lab" / "Cache"
