"""The export panel writes what is on screen, and says where, or why not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from codomyrmex_lab.dashboards.export_panel import ExportPanel
from codomyrmex_lab.export import TARGETS, load_config
from codomyrmex_lab.optimization.models import OptimizationConfig

CONFIG = OptimizationConfig(max_batch_size=8, batch_timeout_ms=2.5)


@pytest.fixture
def panel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ExportPanel]:
    monkeypatch.chdir(tmp_path)
    made = ExportPanel(lambda: CONFIG)
    yield made
    made.close()


@pytest.mark.parametrize("target", list(TARGETS))
def test_the_button_writes_the_config_in_each_format(
    panel: ExportPanel, target: str, tmp_path: Path
) -> None:
    panel.format.value = target
    path = tmp_path / panel.file_name.value
    assert path.suffix in TARGETS[target].suffixes
    panel.button.click()
    assert panel.message == f"Written: {path}"
    assert panel.message in panel.outcome.value
    assert load_config(path) == CONFIG


def test_an_existing_file_is_kept_until_replacing_is_ticked(
    panel: ExportPanel, tmp_path: Path
) -> None:
    path = tmp_path / "tuned.json"
    path.write_text("mine", encoding="utf-8")
    panel.button.click()
    assert panel.message.startswith("Not written: ")
    assert "exists already" in panel.message
    assert path.read_text(encoding="utf-8") == "mine"
    panel.replace.value = True
    panel.button.click()
    assert load_config(path) == CONFIG


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("", "empty"),
        ("config.yaml", "ends like a yaml file"),
        ("no/such/folder/config.json", "folder does not exist"),
        ("~nobody-of-that-name/config.json", "home"),
        ("<b>.ini/x.json", "&lt;b&gt;"),
    ],
)
def test_a_name_that_cannot_be_written_is_reported(
    panel: ExportPanel, name: str, part: str
) -> None:
    panel.file_name.value = name
    panel.button.click()
    assert panel.message.startswith("Not written: ")
    assert part in panel.outcome.value


def test_a_name_without_an_ending_gets_one_with_the_format(panel: ExportPanel) -> None:
    panel.file_name.value = "mine"
    panel.format.value = "toml"
    assert panel.file_name.value == "mine.toml"
