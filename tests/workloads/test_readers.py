import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomyrmex_lab.errors import SettingError, WorkloadError
from codomyrmex_lab.workloads import Workload

Refused = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path) -> Refused:
    """Write a file, load it, and return the complaint without the folder."""

    def load(name: str, content: str | bytes, **columns: str) -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        loader = {
            ".csv": Workload.from_csv,
            ".jsonl": Workload.from_jsonl,
            ".parquet": Workload.from_parquet,
        }[path.suffix]
        with pytest.raises(WorkloadError) as caught:
            loader(path, **{"arrival": "t", **columns})
        message = str(caught.value)
        assert "\n" not in message
        return message.replace(f"{tmp_path}/", "")

    return load


def test_first_rows_of_a_csv_file(tmp_path: Path) -> None:
    path = tmp_path / "traffic.csv"
    path.write_text("when,prompt,urgency,tokens\n5,hello,2,10\n5.5,NA,0,20\n7,hello,-1,30\n")

    workload = Workload.from_csv(path, arrival="when", payload="prompt", priority="urgency")

    assert workload.arrival_s.tolist() == [0, 0.5, 2]
    assert workload.payloads == ("hello", "NA", "hello")
    assert workload.keys.tolist() == ["hello", "NA", "hello"]
    assert workload.priorities.tolist() == [2, 0, -1]
    assert workload.columns.to_dict("list") == {"tokens": [10, 20, 30]}


def test_numbers_in_a_csv_file_are_plain_payloads(tmp_path: Path) -> None:
    path = tmp_path / "traffic.csv"
    path.write_text("\ufefft,k\r\n0,4\r\n\r\n1,5\r\n", encoding="utf-8")

    workload = Workload.from_csv(path, arrival="t", key="k")

    assert workload.payloads == (4, 5)
    assert type(workload.payloads[0]) is int


@given(st.lists(st.integers(0, 10**14), min_size=1, max_size=20).map(sorted))
def test_timestamps_are_read_to_the_hundred_nanoseconds(
    tmp_path_factory: pytest.TempPathFactory, ticks: list[int]
) -> None:
    path = tmp_path_factory.mktemp("stamps") / "traffic.csv"
    stamps = pd.to_datetime("2023-11-16 18:15:46.6805900") + pd.to_timedelta(
        [100 * tick for tick in ticks], unit="ns"
    )
    rows = [f"{stamp:%Y-%m-%d %H:%M:%S.%f}{stamp.nanosecond // 100}" for stamp in stamps]
    path.write_text("\n".join(["t", *rows]))

    workload = Workload.from_csv(path, arrival="t")

    assert workload.arrival_s.tolist() == [100 * (tick - ticks[0]) / 1e9 for tick in ticks]


def test_time_zones_are_respected(tmp_path: Path) -> None:
    path = tmp_path / "traffic.csv"
    path.write_text("t\n2020-01-01T00:00:00Z\n2020-01-01T01:00:00.25+01:00\n")

    assert Workload.from_csv(path, arrival="t").arrival_s.tolist() == [0, 0.25]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "traffic.csv is empty; expected a header line and rows."),
        ("t,k\n", "traffic.csv holds no requests; expected at least one row."),
        ("a,b\n1,2\n", "traffic.csv has no column 't'; it has 'a', 'b'."),
        ("t\n0\nsoon\n", "traffic.csv, line 3, column 't': arrival is 'soon'; expected a number"),
        ("t,k\n0,a\n,b\n", "traffic.csv, line 3, column 't': arrival is missing"),
        ("t\n0\ninf\n", "traffic.csv, line 3, column 't': arrival is 'inf'; expected a finite"),
        ("t\n0\n2\n1\n", "line 4, column 't': arrival '1' comes before the previous one, '2'"),
        ("t\n-1\n0\n", "traffic.csv, line 2, column 't': arrival '-1' is negative"),
        ("t\n2020-01-01\n2020-13-01\n", "line 3, column 't': arrival is '2020-13-01'"),
        ("t\n2020-01-02\n2020-01-01\n", "arrival '2020-01-01' comes before the previous one"),
        ("t\n0\n2020-01-01\n", "line 3, column 't': arrival is '2020-01-01'"),
        ("t\nTrue\nFalse\n", "line 2, column 't': arrival is 'True'"),
        ("t,k\n0,a\n1,b,c\n", "traffic.csv cannot be read as CSV: .*line 3"),
        ("t,k\n0,a,x\n1,b,y\n", "traffic.csv cannot be read as CSV: Length of header"),
        (b"t,k\n0,\xff\n", "traffic.csv cannot be read as CSV: it is not UTF-8 text; save it as"),
        (gzip.compress(b"t\n0\n"), "traffic.csv cannot be read as CSV: it is compressed by gzip;"),
        ("t\n2020-01-01T00:00Z\n2020-01-01T01:00\n", "line 3, .*, with a time zone in all or in"),
        ("t\n2020-01-01T00:00\n2020-01-01T01:00+01\n", "line 3, .*, with a time zone in all or"),
        ("t\n0\n1700000000000\n", "line 3, column 't': arrival '1700000000000' is later than"),
    ],
)
def test_complaint_about_a_csv_file_names_the_place(
    refused: Refused, content: str | bytes, message: str
) -> None:
    assert re.search(message, refused("traffic.csv", content))


@pytest.mark.parametrize(
    ("time_unit", "times"),
    [("s", "1.5,2"), ("ms", "1500,2000"), ("us", "15e5,2e6"), ("ns", "15e8,2e9")],
)
def test_times_that_are_numbers_count_the_unit_asked_for(
    tmp_path: Path, time_unit: Any, times: str
) -> None:
    path = tmp_path / "traffic.csv"
    path.write_text("t\n" + times.replace(",", "\n"))

    assert Workload.from_csv(path, arrival="t", time_unit=time_unit).arrival_s.tolist() == [0, 0.5]


def test_unknown_unit_of_time_is_refused() -> None:
    with pytest.raises(SettingError, match="time_unit is 'min'; expected one of 's', 'ms', 'us', "):
        Workload.from_frame(pd.DataFrame({"t": [0]}), arrival="t", time_unit="min")  # type: ignore[arg-type]


def test_column_that_is_there_twice_is_refused() -> None:
    frame = pd.DataFrame([[0, 1]], columns=["t", "t"])
    with pytest.raises(WorkloadError, match="The frame has 2 columns 't'; expected one"):
        Workload.from_frame(frame, arrival="t")


@pytest.mark.parametrize(
    "content",
    ['t,k\n0,"a\nb"\n2,b\n1,c\n', "t,k\n\n0,a\n2,b\n1,c\n", "t,k\n0,a\n2,b\n\n1,c\n"],
)
def test_line_is_the_one_an_editor_shows(refused: Refused, content: str) -> None:
    assert "traffic.csv, line 5, column 't': arrival '1'" in refused("traffic.csv", content)


def test_line_is_found_behind_a_very_long_field(refused: Refused) -> None:
    content = f"t,k\n0,{'x' * 200_000}\n2,b\n1,c\n"

    assert "line 4, column 't': arrival '1'" in refused("traffic.csv", content)


def test_missing_keys_and_payloads_are_refused(refused: Refused) -> None:
    assert "line 3, column 'k' has no value" in refused("a.csv", "t,k\n0,a\n1,\n", key="k")
    assert "line 3, column 'p' has no value" in refused("a.csv", "t,p\n0,1\n1\n", payload="p")
    assert "no column 'z'; it has 't', 'p'" in refused("a.csv", "t,p\n0,1\n", payload="z")


@pytest.mark.parametrize("priority", ["1.5", "high", "", "3000000000"])
def test_priority_that_is_no_whole_number_is_refused(refused: Refused, priority: str) -> None:
    message = refused("a.csv", f"t,p\n0,1\n1,{priority}\n", priority="p")

    assert re.search(f"a.csv, line 3, column 'p': priority is .*{priority}", message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "traffic.jsonl holds no requests"),
        ('{"t": 0}\n\n{"t": 1', "traffic.jsonl, line 3 is not valid JSON: "),
        ("[" * 100_000, "traffic.jsonl, line 1 is not valid JSON: "),
        ("[1]\n", "traffic.jsonl, line 1 holds a list; expected a JSON object."),
        ('{"u": 0}\n', "traffic.jsonl has no column 't'; it has 'u'."),
        ('{"t": 0}\n\n{"u": 1}\n', "traffic.jsonl, line 3, column 't': arrival is missing"),
        ('{"t": 0}\n{"t": NaN}\n', "traffic.jsonl, line 2, column 't': arrival is missing"),
        ('{"t": [0]}\n', r"traffic.jsonl, line 1, column 't': arrival is '\[0\]'"),
        ('{"t": 1}\n\n\n{"t": 0}\n', "traffic.jsonl, line 4, column 't': arrival '0' comes before"),
        (b'{"t": "\xff"}', "traffic.jsonl cannot be read as JSONL: it is not UTF-8 text"),
        (
            gzip.compress(b'{"t": 0}'),
            "traffic.jsonl cannot be read as JSONL: it is compressed by gz",
        ),
        ('{"t": 1' + 400 * "0" + "}", "line 1, column 't': arrival is '1000.*; expected a finite"),
        ('{"t": 0}\n{"t": }\n', "traffic.jsonl, line 2 is not valid JSON: .*, at character 7[.]"),
    ],
)
def test_complaint_about_a_jsonl_file_names_the_line(
    refused: Refused, content: str | bytes, message: str
) -> None:
    assert re.search(message, refused("traffic.jsonl", content))


def test_nested_json_is_a_payload_with_a_key_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    chats: list[Any] = [[{"role": "user"}], {"a": 1}, [{"role": "user"}]]
    path.write_text("".join(json.dumps({"t": i, "chat": c}) + "\n" for i, c in enumerate(chats)))

    workload = Workload.from_jsonl(path, arrival="t", payload="chat")

    assert list(workload.payloads) == chats
    assert workload.keys.tolist() == [0, 1, 0]


def test_file_that_is_not_parquet_is_refused(refused: Refused) -> None:
    assert "a.parquet cannot be read as Parquet: " in refused("a.parquet", "t\n0\n")


def test_row_of_a_parquet_file_is_named(tmp_path: Path, refused: Refused) -> None:
    pd.DataFrame({"t": [0.0, 2.0, 1.0]}).to_parquet(tmp_path / "source.parquet")

    message = refused("a.parquet", (tmp_path / "source.parquet").read_bytes())

    assert "a.parquet, row 3, column 't': arrival '1.0' comes before" in message


@pytest.mark.parametrize("loader", [Workload.from_csv, Workload.from_jsonl, Workload.from_parquet])
def test_file_that_is_not_there_is_named(loader: Callable[..., Workload], tmp_path: Path) -> None:
    with pytest.raises(WorkloadError, match=r"nowhere does not exist; expected the path of a"):
        loader(tmp_path / "nowhere", arrival="t")
    with pytest.raises(WorkloadError, match="is a folder"):
        loader(tmp_path, arrival="t")


@pytest.mark.parametrize(
    "arrivals",
    [
        [3, 4, 6],
        ["3", "4", "6"],
        pd.array([3, 4, 6], dtype="Int64"),
        pd.array([3, 4, 6], dtype="double[pyarrow]"),
        pd.to_timedelta([3, 4, 6], unit="s"),
        pd.to_datetime([3, 4, 6], unit="s"),
        pd.to_datetime([3, 4, 6], unit="s", utc=True).tz_convert("Asia/Tokyo"),
        pd.to_datetime([3, 4, 6], unit="s").astype("timestamp[us][pyarrow]"),
    ],
    ids=lambda arrivals: str(getattr(arrivals, "dtype", type(arrivals[0]).__name__)),
)
def test_frames_may_hold_times_of_any_kind(arrivals: Any) -> None:
    frame = pd.DataFrame({"t": arrivals}, index=[9, 8, 7])

    assert Workload.from_frame(frame, arrival="t").arrival_s.tolist() == [0, 1, 3]


@pytest.mark.parametrize(
    "arrivals",
    [
        [0.0, None],
        pd.array([0, None], dtype="Int64"),
        pd.to_datetime([0, None], unit="s"),
        pd.to_timedelta([0, None], unit="s"),
        ["2020-01-01", None],
        [0.0, float("nan")],
    ],
    ids=str,
)
def test_missing_time_in_a_frame_is_named(arrivals: Any) -> None:
    with pytest.raises(WorkloadError, match="row at position 1, column 't': arrival is missing"):
        Workload.from_frame(pd.DataFrame({"t": arrivals}), arrival="t")


def test_something_else_than_a_frame_is_refused() -> None:
    with pytest.raises(WorkloadError, match="The frame is a dict; expected a pandas DataFrame"):
        Workload.from_frame({"t": [0]}, arrival="t")  # type: ignore[arg-type]


rows = st.lists(
    st.tuples(st.integers(0, 10**9), st.text("abNA,\"\n'é ", min_size=1), st.integers(-9, 9)),
    min_size=1,
    max_size=15,
)


@given(rows)
def test_every_format_gives_the_same_workload(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("formats")
    frame = pd.DataFrame(sorted(rows), columns=["t", "prompt", "urgency"])
    frame["tokens"] = np.arange(len(frame))
    frame.to_csv(folder / "a.csv", index=False)
    frame.to_json(folder / "a.jsonl", orient="records", lines=True)
    frame.to_parquet(folder / "a.parquet")
    columns = {"arrival": "t", "payload": "prompt", "priority": "urgency"}

    expected = Workload.from_frame(frame, **columns)

    for found in (
        Workload.from_csv(folder / "a.csv", **columns),
        Workload.from_jsonl(folder / "a.jsonl", **columns),
        Workload.from_parquet(folder / "a.parquet", **columns),
    ):
        assert found.arrival_s.tolist() == expected.arrival_s.tolist()
        assert found.payloads == expected.payloads
        assert found.keys.tolist() == expected.keys.tolist()
        assert found.priorities.tolist() == expected.priorities.tolist()
        assert found.columns.to_dict("list") == expected.columns.to_dict("list")


def test_production_trace_is_read_whole(shared_data: Path) -> None:
    path = shared_data / "AzureLLMInferenceTrace_conv.csv"

    workload = Workload.from_csv(path, arrival="TIMESTAMP")

    assert len(workload) == 19_366
    assert workload.arrival_s[:2].tolist() == [0, 4.314579]
    assert workload.duration_s == 3501.721937
    assert workload.columns.columns.tolist() == ["ContextTokens", "GeneratedTokens"]
    assert workload.columns.iloc[0].tolist() == [374, 44]
