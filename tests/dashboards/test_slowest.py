"""The slowest requests lined up in time: in the picture and in words."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from codomyrmex_lab.dashboards.canvas import BlittedCanvas, grid_of_cells
from codomyrmex_lab.dashboards.panels import GanttPanel
from codomyrmex_lab.dashboards.slowest import lined_up, togetherness
from codomyrmex_lab.plots.theme import LIGHT
from codomyrmex_lab.tracing import Trace
from codomyrmex_lab.tracing.columns import BatchColumns, RequestColumns
from tests.plots.traces import MS


def slowest() -> pd.DataFrame:
    """Two that share a batch with one from the cache between them, and one much later."""
    arrival = np.array([0, 2, 4, 500]) * MS
    end = np.array([10, 8, 10, 530]) * MS
    start = np.array([7, 8, 7, 520]) * MS
    batch = np.array([0, -1, 0, 1])
    trace = Trace(
        RequestColumns.of(arrival, start, end, key=np.arange(4), from_cache=batch < 0, batch=batch),
        BatchColumns.of(start[[0, 3]], end[[0, 3]], np.array([2, 1])),
    )
    return trace.frame().nlargest(10, "latency_ms")


def drawn_panel() -> tuple[GanttPanel, BlittedCanvas]:
    figure = Figure(figsize=(4, 3), dpi=100)
    cells = grid_of_cells(figure, 1, 1)
    return GanttPanel(cells[0], LIGHT, 5), BlittedCanvas(figure, cells, LIGHT)


def bars(line: object) -> list[tuple[float, ...]]:
    """Begin and end of each bar, from the top."""
    x = np.asarray(line.get_xdata()).reshape(-1, 3)  # type: ignore[attr-defined]
    return [(round(begin, 6), round(end, 6)) for begin, end, _ in x]


def test_requests_stand_in_the_order_of_time_and_those_of_a_batch_side_by_side() -> None:
    ids = [[one["id"] for one in stretch] for stretch in lined_up(slowest())]
    assert ids == [[0, 2, 1], [3]]


def test_bars_of_a_stretch_share_their_time_and_say_which_request_and_batch() -> None:
    panel, canvas = drawn_panel()
    panel.show(slowest())
    assert bars(panel.waiting) == [(0, 7), (4, 7), (2, 8), (0, 20)]
    assert bars(panel.service) == [(7, 10), (7, 10), (8, 8), (20, 30)]
    assert [one.get_text() for one in panel.ids] == ["0", "2", "1", "3", ""]
    assert [one.get_text().strip() for one in panel.words] == [
        "2 in batch 0",
        "2 in batch 0",
        "from the cache",
        "1 in batch 1",
        "",
    ]
    assert [one.get_text() for one in panel.starts] == ["0.000", "", "", "0.500", ""]
    assert canvas.png().startswith(b"\x89PNG")


def test_nothing_is_left_where_nothing_is_selected() -> None:
    panel, canvas = drawn_panel()
    empty = canvas.png()
    panel.show(slowest())
    assert canvas.png() != empty
    panel.show(slowest().head(0))
    assert {one.get_text().strip() for one in (*panel.ids, *panel.words, *panel.starts)} == {""}
    assert bars(panel.waiting) == []


@pytest.mark.parametrize(
    ("from_s", "words"), [(1.2345, "1.234"), (170.98, "171.0"), (86_399.6, "86400")]
)
def test_a_time_is_written_in_as_many_figures_as_there_is_room_for(
    from_s: float, words: str
) -> None:
    panel, _ = drawn_panel()
    rows = slowest().head(1)
    panel.show(rows.assign(arrival=pd.to_timedelta([from_s], unit="s")))
    assert panel.starts[0].get_text() == words


def test_the_same_is_said_in_words() -> None:
    assert togetherness(slowest()) == (
        "Of the slowest, there at the same time: 3 within 10 ms from 0.0000 s. "
        "Sharing a batch: 2 in batch 0."
    )
    assert togetherness(slowest().head(1)) == (
        "Of the slowest, there at the same time: none. Sharing a batch: none."
    )
