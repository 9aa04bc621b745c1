import re
from pathlib import Path

import pandas as pd
import pytest

from codomyrmex_lab.errors import WorkloadError
from codomyrmex_lab.workloads import Workload

GOOD = (
    '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a?b=1 HTTP/1.0" 200 2326 '
    '"http://example.com/" "Mozilla/4.08 [en]"'
)


def read(folder: Path, *lines: str) -> Workload:
    path = folder / "access.log"
    path.write_text("".join(f"{line}\n" for line in lines))
    return Workload.from_access_log(path)


def test_fields_of_the_combined_format(tmp_path: Path) -> None:
    later = '::1 - - [10/Oct/2000:22:55:38 +0200] "POST /a?b=1 HTTP/2.0" 304 - "-" "a \\"b\\""'

    workload = read(tmp_path, GOOD, "", later)

    assert workload.arrival_s.tolist() == [0, 2]
    assert workload.payloads == ("GET /a?b=1", "POST /a?b=1")
    assert workload.n_keys == 2
    columns = workload.columns
    assert columns["host"].tolist() == ["127.0.0.1", "::1"]
    assert columns["user"].iloc[0] == "frank"
    assert pd.isna(columns["user"].iloc[1])
    assert columns["status"].tolist() == [200, 304]
    assert columns["size_bytes"].iloc[0] == 2326
    assert pd.isna(columns["size_bytes"].iloc[1])
    assert columns["user_agent"].tolist() == ["Mozilla/4.08 [en]", 'a \\"b\\"']


def test_common_format_lacks_the_last_two(tmp_path: Path) -> None:
    workload = read(tmp_path, 'h - - [10/Oct/2000:13:55:36 +0000] "GET / HTTP/1.1" 200 5')

    assert workload.payloads == ("GET /",)
    assert workload.columns["referer"].isna().all()


def test_rows_are_sorted_by_when_the_request_came(tmp_path: Path) -> None:
    lines = [GOOD.replace(":36", f":{second}").replace("/a?b=1", f"/{n}")
             for n, second in enumerate([40, 38, 40, 39])]  # fmt: skip

    workload = read(tmp_path, *lines)

    assert workload.arrival_s.tolist() == [0, 1, 2, 2]
    assert workload.payloads == ("GET /1", "GET /3", "GET /0", "GET /2")


@pytest.mark.parametrize("request_line", ["-", "\\x16\\x03\\x01", "GET /old", ""])
def test_request_line_that_is_no_http_is_kept(tmp_path: Path, request_line: str) -> None:
    workload = read(tmp_path, GOOD.replace("GET /a?b=1 HTTP/1.0", request_line))

    assert workload.payloads == (request_line,)
    assert workload.columns["protocol"].isna().all()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("hello", r"access.log, line 3 is not of the combined log format: 'hello'; expected"),
        (GOOD.replace('"Mozilla', "Mozilla"), "access.log, line 3 is not of the combined"),
        (GOOD.replace("Oct", "Okt"), "access.log, line 3 is not of the combined"),
        (GOOD + " 17", "access.log, line 3 is not of the combined"),
        (GOOD.replace("10/Oct", "32/Oct"), "line 3, column 'time' is '2000-10-32T.*that exist"),
        (GOOD.replace(":13:", ":25:"), "line 3, column 'time' is '2000-10-10T25"),
    ],
)
def test_malformed_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        read(tmp_path, GOOD, "", line, GOOD)
    assert re.search(message, str(caught.value))
    assert "\n" not in str(caught.value)


def test_empty_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(WorkloadError, match=r"access\.log holds no requests"):
        read(tmp_path)
    with pytest.raises(WorkloadError, match="nowhere does not exist; expected the path of a"):
        Workload.from_access_log(tmp_path / "nowhere")
