import ast
import gc
import logging
import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from codomyrmex_lab.simulation import compiling
from codomyrmex_lab.simulation.compiling import compiled

CURVE = "from codomyrmex_lab.simulation import miss_ratio_curve as m; print(m([1, 1]).hit_ratio(1))"


def total(numbers):
    result = 0.0
    for number in numbers:
        result += number
    return result


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Folder in which ``compiled`` keeps what it makes."""
    monkeypatch.setenv("CODOMYRMEX_LAB_CACHE", str(tmp_path))
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    return tmp_path


def n_compiled(function):
    """Call a function, see that it is right, and return how often it was compiled for that."""
    assert function(np.array([1.0, 2.0])) == 3.0
    return function.stats.cache_misses.total()


def files(folder, pattern):
    return list((folder / "kernels").rglob(pattern))


def test_what_was_compiled_is_kept_below_the_cache_folder_and_read_from_there(folder):
    assert n_compiled(compiled(total)) == 1
    assert len(files(folder, "*.nbc")) == 1
    assert n_compiled(compiled(total)) == 0


@pytest.mark.parametrize("kind", ["*.nbi", "*.nbc"])
@pytest.mark.parametrize("content", [b"", b"garbage"])
def test_damaged_file_is_told_of_and_made_again(folder, caplog, kind, content):
    n_compiled(compiled(total))
    (damaged,) = files(folder, kind)
    damaged.write_bytes(content)
    with caplog.at_level(logging.WARNING, "codomyrmex_lab"):
        assert n_compiled(compiled(total)) == 1
    assert "cannot be read, so it is compiled anew" in caplog.text
    assert n_compiled(compiled(total)) == 0


@pytest.mark.usefixtures("folder")
def test_folder_that_can_no_longer_be_written_to_costs_only_the_time_to_compile(caplog):
    function = compiled(total)
    kept = Path(function.stats.cache_path)
    kept.rmdir()
    kept.write_text("a file where the folder was")
    with caplog.at_level(logging.WARNING, "codomyrmex_lab"):
        assert n_compiled(function) == 1
    assert "cannot be written, so nothing is kept" in caplog.text


def test_first_compilation_is_announced_and_later_ones_are_read_from_disk(tmp_path):
    environment = {**os.environ, "CODOMYRMEX_LAB_CACHE": str(tmp_path)}
    environment.pop("NUMBA_CACHE_DIR", None)
    told = []
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", CURVE],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout == "0.5\n"
        told.append(run.stderr)
    assert told[0].count("Compiling the simulator") == 1
    assert not told[1]


@pytest.fixture
def part_of_the_simulator(monkeypatch):
    monkeypatch.setattr(total, "__module__", f"{compiling._PACKAGE}.total")


@pytest.fixture
def collections():
    """What the garbage collector begins and ends."""
    seen = []

    def note(phase, _):
        seen.append(phase)

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)


@pytest.mark.usefixtures("folder", "part_of_the_simulator")
def test_garbage_collector_rests_while_the_simulator_is_compiled(collections):
    function = compiled(total)
    gc.collect()
    collections.clear()
    assert n_compiled(function) == 1
    assert len(collections) <= 2  # one before or after
    assert gc.isenabled()


@pytest.mark.usefixtures("folder", "part_of_the_simulator")
def test_garbage_collector_works_again_after_what_cannot_be_compiled():
    with pytest.raises(numba.TypingError):
        compiled(total)("no numbers")
    assert gc.isenabled()


@pytest.mark.usefixtures("folder", "part_of_the_simulator")
def test_garbage_collector_that_was_switched_off_stays_so():
    gc.disable()
    try:
        assert n_compiled(compiled(total)) == 1
        assert not gc.isenabled()
    finally:
        gc.enable()


def imported_modules(path):
    nodes = ast.walk(ast.parse(path.read_text()))
    names = [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name for name in names if name.startswith("codomyrmex_lab.")}


def test_everything_that_is_compiled_decides_about_the_folder(repository):
    sources = set(compiling._sources())
    assert all(path.is_file() for path in sources)
    for path in (repository / "codomyrmex_lab" / "simulation").rglob("*.py"):
        if "@compiled" not in path.read_text() and "@part" not in path.read_text():
            continue
        assert path in sources
        for name in imported_modules(path) - {"codomyrmex_lab.simulation.events"}:
            assert repository / (name.replace(".", "/") + ".py") in sources, (path, name)
