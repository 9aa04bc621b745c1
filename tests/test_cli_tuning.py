"""The commands that search, measure and hand over, as real processes."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from codomyrmex_lab.export import TARGETS, export, load_config, load_evidence
from codomyrmex_lab.optimization.models import OptimizationConfig, QuantizationType
from tests.tuning.cases import affine_profile

WORKLOAD = ("--poisson", "400,200")
SPACE = (
    *("--space", "max_batch_size=1,4,8", "--space", "batch_timeout_ms=0,2.5"),
    *("--space", "num_workers=1,2", "--space", "enable_caching=true,false"),
)
MODEL = """
import time

def predict(inputs):
    time.sleep((1 + 0.2 * len(inputs)) / 1e3)
    return inputs
"""


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "codomyrmex_lab.cli", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    affine_profile().save(tmp_path / "profile.parquet")
    (tmp_path / "served.py").write_text(MODEL, encoding="utf-8")
    return tmp_path


def test_tune_writes_a_config_with_its_evidence(folder: Path) -> None:
    done = run(
        *("tune", *WORKLOAD, "--profile", "profile.parquet", *SPACE, "--quiet"),
        *("--objective", "cost", "--constraint", "p99_ms <= 20", "--output", "tuned.toml"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert "settings hold p99_ms <= 20; among them the best worker_s_per_1k is" in done.stdout
    assert load_config(folder / "tuned.toml").num_workers == 1
    evidence = load_evidence(folder / "tuned.toml")
    assert evidence is not None
    assert evidence["workload"]["n_requests"] == 200
    assert evidence["predicted"]["p99_ms"] <= 20


def test_tune_shows_what_a_change_comes_to_and_writes_the_front(folder: Path) -> None:
    search = (*WORKLOAD, "--profile", "profile.parquet", *SPACE, "--quiet", "--objective", "cost")
    done = run(
        *("tune", *search, "--constraint", "p99_ms <= 20", "--front", "front.csv"),
        *("--output", "tuned.pbtxt", "--target", "triton"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    changes = done.stdout.partition("One change to it, or to the load, comes to:")[2]
    assert re.search(r"num_workers +2 +\S+ +[+]\d+\.\d% +\S+ +true\n", changes)
    assert re.search(r"load +1\.2 +\S+ +-\d+\.\d% +\S+ +true\n", changes)
    front = pd.read_csv(folder / "front.csv")
    assert len(front) > 1
    assert front.sort_values("p99_ms")["worker_s_per_1k"].is_monotonic_decreasing
    assert load_config(folder / "tuned.pbtxt").num_workers == 1
    again = run("tune", *search, "--front", "front.csv", cwd=folder)
    assert again.returncode == 2
    assert "front.csv exists already and was kept" in again.stderr


def test_memory_of_the_cache_is_counted(folder: Path) -> None:
    table = "variant,accuracy,file_mb\nfp32,0.97,4.0\n"
    (folder / "quality.csv").write_text(table, encoding="utf-8")
    search = (
        *("tune", *WORKLOAD, "--profile", "profile.parquet", *SPACE, "--quiet"),
        *("--quality", "quality.csv", "--constraint", "memory_mb <= 10", "--output", "tuned.json"),
    )
    assert run(*search, "--result-bytes", "1e6", cwd=folder).returncode == 0
    assert not load_config(folder / "tuned.json").enable_caching
    assert run(*search, "--result-bytes", "10", "--overwrite", cwd=folder).returncode == 0
    evidence = load_evidence(folder / "tuned.json")
    assert evidence is not None
    assert evidence["predicted"]["memory_mb"] <= 4.01


def test_constraints_that_cannot_be_held_end_with_1(folder: Path) -> None:
    done = run(
        *("tune", *WORKLOAD, "--profile", "profile.parquet", *SPACE, "--quiet"),
        *("--constraint", "p99_ms <= 0.1", "--output", "tuned.json"),
        cwd=folder,
    )
    assert done.returncode == 1
    assert "No settings hold p99_ms <= 0.1" in done.stderr
    assert not (folder / "tuned.json").exists()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--space", "speed=1"), "--space is 'speed=1'"),
        (("--space", "max_batch_size=many"), "--space max_batch_size has 'many'"),
        (("--constraint", "quality >= 0.99"), "asks for quality, of which nothing is known"),
        (("--constraint", "p99 < 1"), "constraint 'p99 < 1' is none"),
        (("--workload", "traffic.csv"), "Give either --workload FILE or --poisson"),
        (("--quality", "nowhere.json"), "--quality nowhere.json cannot be used"),
        (("--payloads", "nowhere.npy"), "--payloads nowhere.npy cannot be read"),
        (("--head", "0"), "--head is 0; expected a whole number of at least 1"),
        (("--speed", "0"), "--speed is 0.0; expected a finite number above 0"),
        (("--jobs", "0"), "n_jobs is 0; expected a whole number"),
    ],
)
def test_what_cannot_be_used_ends_with_2_and_one_sentence(
    arguments: tuple[str, ...], part: str, folder: Path
) -> None:
    done = run(
        *("tune", *WORKLOAD, "--profile", "profile.parquet", "--quiet", *arguments), cwd=folder
    )
    assert done.returncode == 2, done.stderr
    assert part in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_verify_takes_the_trials_of_tune_and_measures(folder: Path) -> None:
    search = (
        *WORKLOAD,
        *("--profile", "profile.parquet", *SPACE, "--objective", "p99"),
        *("--constraint", "p99_ms <= 5000", "--store", "trials.sqlite", "--quiet"),
    )
    assert run("tune", *search, cwd=folder).returncode == 0
    done = run(
        *("verify", "served:predict", *search, "--finalists", "2", "--rounds", "3"),
        *("--confidence", "0.9", "--output", "tuned.json"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert "holds p99_ms <= 5000 and reaches p99_ms" in done.stdout
    evidence = load_evidence(folder / "tuned.json")
    assert evidence is not None
    assert evidence["verified"]["n_rounds"] == 3
    assert evidence["verified"]["confidence"] == 0.9


def test_what_misses_in_reality_ends_with_1_and_writes_nothing(folder: Path) -> None:
    (folder / "served.py").write_text(MODEL.replace("1e3", "1e1"), encoding="utf-8")
    done = run(
        *("verify", "served:predict", "--poisson", "100,40", "--profile", "profile.parquet"),
        *(*SPACE, "--constraint", "p99_ms <= 20", "--finalists", "1", "--rounds", "3"),
        *("--output", "tuned.json", "--quiet"),
        cwd=folder,
    )
    assert done.returncode == 1, done.stderr
    assert "is known to hold p99_ms <= 20 on the real engine" in done.stdout
    assert not (folder / "tuned.json").exists()


def test_profile_measures_a_function(folder: Path) -> None:
    done = run(
        *("profile", "served:predict", "measured.parquet", *WORKLOAD, "--quiet"),
        *("--batch-sizes", "1,4", "--workers", "1,2", "--quantizations", "fp32", "--budget", "2"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert "batches up to 4, 2 calls at once" in done.stdout
    tuned = run(
        *("tune", *WORKLOAD, "--profile", "measured.parquet", "--quiet"),
        *("--space", "max_batch_size=1,4", "--space", "num_workers=1,2"),
        cwd=folder,
    )
    assert tuned.returncode == 0, tuned.stderr


def test_a_file_that_exists_is_kept_before_anything_is_measured(folder: Path) -> None:
    (folder / "kept.json").write_text("mine", encoding="utf-8")
    search = (*WORKLOAD, "--profile", "profile.parquet", "--output", "kept.json")
    for command in (
        ("tune", *search),
        ("verify", "served:predict", *search),
        ("profile", "served:predict", "kept.json", *WORKLOAD),
        ("profile", "served:predict", "new.parquet", "--quality", "kept.json", *WORKLOAD),
        ("tune", *search[:-1], "nowhere/tuned.json"),
        ("tune", *search[:-1], "tuned.ini"),
    ):
        done = run(*command, cwd=folder)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1, done.stderr  # not even a progress bar
    assert (folder / "kept.json").read_text(encoding="utf-8") == "mine"
    assert not (folder / "new.parquet").exists()


def test_a_part_of_a_workload_can_be_taken_and_sped_up(folder: Path) -> None:
    arrivals = "due\n" + "".join(f"{1000 * second}\n" for second in range(100))
    (folder / "traffic.csv").write_text(arrivals, encoding="utf-8")
    done = run(
        *("tune", "--workload", "traffic.csv", "--arrival", "due", "--time-unit", "ms"),
        *("--head", "50", "--speed", "10"),
        *("--profile", "profile.parquet", *SPACE, "--quiet", "--output", "tuned.json"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    evidence = load_evidence(folder / "tuned.json")
    assert evidence is not None
    assert evidence["workload"]["n_requests"] == 50
    assert evidence["workload"]["duration_s"] == pytest.approx(4.9)


def test_quality_is_judged_by_profile_and_asked_for_by_tune(folder: Path, repository: Path) -> None:
    images = pd.read_csv(repository / "data" / "digits_heldout.csv").drop(columns="digit")
    images.head(40).to_csv(folder / "images.csv", index=False)
    payloads = (*WORKLOAD, "--payloads", "images.csv")
    done = run(
        *("profile", repository / "data" / "digits.onnx", "digits.parquet", *payloads, "--quiet"),
        *("--batch-sizes", "1,4", "--workers", "1", "--budget", "2", "--quality", "quality.csv"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert "top1_agreement" in done.stdout
    done = run(
        *("tune", *payloads, "--profile", "digits.parquet", "--quiet", "--objective", "size"),
        *("--quality", "quality.csv", "--constraint", "quality >= 0.9", "--output", "tuned.json"),
        *("--space", "quantization=fp32,int8", "--space", "num_workers=1"),
        *("--space", "max_batch_size=1,4"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert load_config(folder / "tuned.json").quantization is QuantizationType.INT8
    evidence = load_evidence(folder / "tuned.json")
    assert evidence is not None
    assert evidence["quality_measure"] == "top1_agreement"


def test_an_interrupted_search_ends_with_130_and_goes_on(folder: Path) -> None:
    search = ("tune", "--poisson", "400,20000", "--profile", "profile.parquet", "--store", "trials")
    space = ("--space", f"batch_timeout_ms={','.join(map(str, range(2000)))}")
    with subprocess.Popen(
        [sys.executable, "-m", "codomyrmex_lab.cli", *search, *space, "--jobs", "1"],
        cwd=folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as searching:
        assert searching.stderr is not None
        shown = b""
        while not re.search(rb"1\d{3}/2000 ", shown):  # half of the trials are done
            piece = searching.stderr.read1(4096)
            assert piece, shown
            shown += piece
        searching.send_signal(signal.SIGINT)
        shown += searching.stderr.read()
        assert searching.wait(60) == 130
    assert b"Traceback" not in shown
    assert b"codomyrmex-lab: interrupted" in shown
    going_on = run(*search, *space, cwd=folder)
    assert going_on.returncode == 0, going_on.stderr
    first = re.search(r"([1-9]\d*)/2000 ", going_on.stderr)
    assert first is not None
    assert int(first[1]) >= 1000  # what was finished is not run again


def test_a_warning_is_a_sentence(folder: Path) -> None:
    model = "import warnings\n" + MODEL.replace(
        "def predict(inputs):", "def predict(inputs):\n    warnings.warn('it is hot')"
    )
    (folder / "served.py").write_text(model, encoding="utf-8")
    done = run(
        *("profile", "served:predict", "measured.parquet", *WORKLOAD, "--quiet"),
        *("--batch-sizes", "1", "--workers", "1", "--quantizations", "fp32", "--budget", "1"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("it is hot") == 1
    assert "codomyrmex-lab: it is hot\n" in done.stderr


def test_a_model_that_cannot_be_imported_is_one_sentence(folder: Path) -> None:
    for name in ("nowhere:predict", "served:nothing"):
        done = run("profile", name, "out.parquet", *WORKLOAD, cwd=folder)
        assert done.returncode == 2
        assert "cannot be imported" in done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("target", [name for name in TARGETS if name != "json"])
def test_export_writes_every_target(target: str, folder: Path) -> None:
    config = OptimizationConfig(max_batch_size=8, enable_caching=False)
    evidence = {"workload": {"sha256": "0123"}, "latency_slo_ms": 20.0}
    export(config, path=folder / "tuned.json", evidence=evidence)
    name = TARGETS[target].file_name
    done = run("export", "tuned.json", "--target", target, "--output", name, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert load_config(folder / name, target).max_batch_size == 8
    assert "0123" in (folder / name).read_text(encoding="utf-8")
    again = run("export", "tuned.json", "--target", target, "--output", name, cwd=folder)
    assert again.returncode == 2
    assert "exists already and was kept" in again.stderr


@pytest.mark.parametrize("target", ["triton", "litserve", "rayserve-config", "kserve"])
def test_what_was_exported_is_read_back(target: str, folder: Path) -> None:
    config = OptimizationConfig(max_batch_size=8, cache_max_size=77, batch_timeout_ms=2.5)
    export(config, path=folder / "tuned.json")
    name = TARGETS[target].file_name
    assert (
        run("export", "tuned.json", "--target", target, "--output", name, cwd=folder).returncode
        == 0
    )
    back = ("export", name, "--source", target, "--target", "toml", "--output", "back.toml")
    done = run(*back, cwd=folder)
    assert done.returncode == 0
    assert f"{name} has no evidence to carry over" in done.stderr  # there it is a comment
    assert load_config(folder / "back.toml") == config


def test_export_says_what_is_left_out_and_can_be_strict(folder: Path) -> None:
    export(OptimizationConfig(), path=folder / "tuned.yaml")
    done = run("export", "tuned.yaml", "--target", "litserve", cwd=folder)
    assert done.returncode == 0
    assert "not expressed: enable_caching=True" in done.stderr
    assert "import litserve as ls" in done.stdout
    strict = run("export", "tuned.yaml", "--target", "litserve", "--strict", cwd=folder)
    assert (strict.returncode, strict.stdout) == (1, "")
