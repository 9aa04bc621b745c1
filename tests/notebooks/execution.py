"""Runs a notebook and makes its outputs fit to be committed."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

__all__ = ["execute", "tuning_table", "with_tuning_table", "write"]

_SCREENS = {"dashboard": "TuningDashboard(", "live": "LiveDashboard(", "explorer": "TraceExplorer."}
_WIDGET = "application/vnd.jupyter.widget-view+json"
_TIMEOUT_S = 120
_PLACE = re.compile(
    r"^\S*ipykernel_\d+\S*: ", re.MULTILINE
)  # before a warning: a file that is gone


def execute(path: Path, pictures: Mapping[str, bytes]) -> NotebookNode:
    """Run a notebook in its folder.

    A widget shows nothing where no kernel runs. Screens keep their words, and stand there in the
    pictures of the whole screen that are given by name; progress bars are left out.
    """
    notebook = nbformat.read(path, nbformat.NO_CONVERT)
    notebook.metadata.pop("widgets", None)
    NotebookClient(
        notebook,
        timeout=_TIMEOUT_S,
        kernel_name="python3",
        store_widget_state=False,
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            outputs = [_static(output, pictures) for output in cell.outputs]
            cell.outputs = [output for output in outputs if output is not None]
    return notebook


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a valid notebook that names no version of the machine that ran it."""
    notebook.metadata = NotebookNode(
        kernelspec=NotebookNode(display_name="Python 3", language="python", name="python3"),
        language_info=NotebookNode(name="python"),
    )
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def tuning_table(notebook: NotebookNode) -> str:
    """Return the runs that the quickstart tuned by hand as a Markdown table."""
    settings, figures = (_frame(notebook, name) for name in ("tune", "compare"))
    lines = ["| settings | mean batch | p50, ms | p95, ms | p99, ms |", "|---|---|---|---|---|"]
    for run, figure in zip(settings, figures, strict=True):
        words = (
            f"{run['quantization']}, batches of up to {run['max_batch_size']}, "
            f"waiting at most {float(run['batch_timeout_ms']):g} ms"
        )
        cells = (figure[name] for name in ("mean_batch_size", "p50_ms", "p95_ms", "p99_ms"))
        lines.append("| " + " | ".join((words, *cells)) + " |")
    return "\n".join(lines) + "\n"


def with_tuning_table(readme: str, notebook: NotebookNode) -> str:
    """Return the README with the quickstart's figures in it."""
    table = tuning_table(notebook)
    return re.sub(r"\| settings \|.*?\n(?=\n)", lambda _: table, readme, flags=re.DOTALL)


def _frame(notebook: NotebookNode, cell_id: str) -> list[dict[str, str]]:
    """Return the rows of the frame that a cell shows."""
    (cell,) = [cell for cell in notebook.cells if cell.id == cell_id]
    head, _, *rows = cell.outputs[0].data["text/plain"].splitlines()
    return [dict(zip(head.split(), row.split()[1:], strict=True)) for row in rows]


def _static(output: NotebookNode, pictures: Mapping[str, bytes]) -> NotebookNode | None:
    if output.get("name") == "stderr":
        output.text = _PLACE.sub("", output.text)
    data = output.get("data", {})
    if data.pop(_WIDGET, None) is None:
        return output
    if "image/png" not in data:  # a progress bar; a screen brings its own picture
        return None
    for name, words in _SCREENS.items():
        if data["text/plain"].startswith(words):
            data["image/png"] = base64.b64encode(pictures[name]).decode()
    return output
