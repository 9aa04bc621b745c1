"""What the README says holds."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.notebooks.execution import tuning_table


@pytest.fixture
def readme(repository: Path) -> str:
    return (repository / "README.md").read_text(encoding="utf-8")


def table_under(text: str, heading: str) -> dict[str, list[str]]:
    """Return the rows of the first table whose header line begins with some words."""
    lines = text[text.index(f"| {heading}") :].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    end = next(i for i, line in enumerate(lines) if not line.startswith("|"))
    return {row[0]: row[1:] for row in rows[2:end]}


def test_the_example_runs_from_the_root_and_is_short(
    readme: str, repository: Path, tmp_path: Path
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.S)
    assert len([line for line in example.splitlines() if line]) <= 12
    (tmp_path / "data").symlink_to(repository / "data")
    (tmp_path / "notebooks").mkdir()
    busy_machine = "ignore:The load driver was late"  # says nothing of the example
    run = subprocess.run(
        [sys.executable, "-W", "error", "-W", busy_machine, "-c", example],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "p99_ms" in run.stdout
    assert "int8" in (tmp_path / "notebooks" / "tuned.toml").read_text()


def test_every_linked_file_is_there_and_the_picture_is_small(readme: str, repository: Path) -> None:
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in target]
    assert "notebooks/pictures/dashboard.png" in targets
    for target in targets:
        assert (repository / target.partition("#")[0]).exists(), target
    for folder in re.findall(r"^\| (`.+?) \|", readme, re.M):
        for name in re.findall(r"`(.+?)`", folder):
            assert (repository / name).is_dir(), name
    assert (repository / "notebooks" / "pictures" / "dashboard.png").stat().st_size < 200_000


def test_the_commands_are_targets_of_the_makefile(readme: str, repository: Path) -> None:
    targets = re.findall(r"^([a-z]+):", (repository / "Makefile").read_text(), re.M)
    assert {"lab", "test"} <= set(re.findall(r"make ([a-z]+)", readme)) <= set(targets)


def test_the_variants_are_as_the_report_measures_them(readme: str, repository: Path) -> None:
    report = subprocess.run(
        [sys.executable, str(repository / "data" / "make_digits.py"), "--report"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    measured = table_under(report + "\n.", "variant")
    claimed = table_under(readme, "variant")
    assert [name.lower() for name in claimed] == list(measured)
    for name, (file_mb, agreement, accuracy) in claimed.items():
        _, size, _, top1, _, right, _ = measured[name.lower()]
        assert float(file_mb) == pytest.approx(float(size), abs=0.006)
        assert float(agreement.rstrip("%")) == pytest.approx(100 * float(top1), abs=0.5)
        assert float(accuracy.rstrip("%")) == pytest.approx(100 * float(right), abs=0.5)


def test_the_tuned_figures_are_those_of_the_committed_notebook(
    readme: str, repository: Path
) -> None:
    notebook = nbformat.read(repository / "notebooks" / "01_quickstart.ipynb", 4)
    assert tuning_table(notebook) in readme
