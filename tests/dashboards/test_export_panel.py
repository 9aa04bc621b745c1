"""The export panel: the text is shown before it is written."""

import html
import re
from pathlib import Path

import pytest

from codomyrmex_lab.dashboards.export_panel import ExportPanel
from codomyrmex_lab.export import TARGETS, load_config, render
from codomyrmex_lab.optimization.models import OptimizationConfig, QuantizationType

CONFIG = OptimizationConfig(QuantizationType.INT8, 24, 2.5)


def shown_text(panel: ExportPanel) -> str:
    return html.unescape(re.sub(r"<.*?>", "", panel.text.value))


@pytest.fixture
def panel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ExportPanel:
    monkeypatch.chdir(tmp_path)
    return ExportPanel(lambda: (CONFIG, {"load": 1.0}))


@pytest.mark.parametrize("target", TARGETS)
def test_the_text_of_every_target_is_shown_and_what_it_loses(
    panel: ExportPanel, target: str
) -> None:
    panel.target.value = target
    panel.refresh()
    rendered = render(CONFIG, target, {"load": 1.0})
    assert shown_text(panel) == rendered.text
    assert panel.losses.value.count("⚠") == len(rendered.warnings)


def test_what_is_written_is_what_was_shown(panel: ExportPanel, tmp_path: Path) -> None:
    panel.target.value = "toml"
    panel.button.click()
    assert panel.message == f"Written: {tmp_path / 'tuned.toml'}"
    assert (tmp_path / "tuned.toml").read_text() == shown_text(panel)
    assert load_config(tmp_path / "tuned.toml") == CONFIG


def test_the_file_name_follows_the_target_until_it_is_chosen(panel: ExportPanel) -> None:
    panel.target.value = "triton"
    assert panel.file_name.value == "config.pbtxt"
    panel.file_name.value = "mine.pbtxt"
    panel.target.value = "json"
    assert panel.file_name.value == "mine.pbtxt"


def test_a_file_that_exists_is_kept_unless_told_otherwise(
    panel: ExportPanel, tmp_path: Path
) -> None:
    (tmp_path / "tuned.json").write_text("{}")
    panel.button.click()
    assert panel.message.startswith("Not written: ")
    assert (tmp_path / "tuned.json").read_text() == "{}"
    panel.replace.value = True
    panel.button.click()
    assert load_config(tmp_path / "tuned.json") == CONFIG


@pytest.mark.parametrize("name", ["", "  ", "no/such/folder/a.json", "~nobody-of-that-name/a.json"])
def test_a_place_that_cannot_be_written_is_told(panel: ExportPanel, name: str) -> None:
    panel.file_name.value = name
    panel.button.click()
    assert panel.message.startswith("Not written: ")
