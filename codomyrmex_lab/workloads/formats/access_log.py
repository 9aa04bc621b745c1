r"""Web servers' access logs, in the combined or the common format of Apache and nginx.

A line is ``host identity user [10/Oct/2000:13:55:36 -0700] "GET /a?b HTTP/1.1" 200 2326`` and, in
the combined format, ``"referer" "user agent"``. Method and target together are key and payload.

- The times have a resolution of one second: all requests of a second are due at its beginning.
- Servers write a line when the answer is done, with the time when the request came: the rows are
  sorted by it.
- A request line that is no HTTP, as scanners send it, is kept as it is.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from codomyrmex_lab.errors import WorkloadError
from codomyrmex_lab.workloads.readers import numbered_lines
from codomyrmex_lab.workloads.table import Columns, RequestTable

__all__ = ["read_access_log"]

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(
    r"(?P<host>\S+) (?P<identity>\S+) (?P<user>.+?) "
    r"\[(?P<day>\d\d)/(?P<month>[A-Z][a-z]{2})/(?P<year>\d{4}):(?P<clock>\d\d:\d\d:\d\d) "
    r"(?P<zone>[+-]\d{4})\] "
    + _QUOTED.replace("(", "(?P<request>", 1)
    + r" (?P<status>\d{3}) (?P<size_bytes>\d+|-)"
    + "(?: " + _QUOTED.replace("(", "(?P<referer>", 1)
    + " " + _QUOTED.replace("(", "(?P<user_agent>", 1)
    + ")?"
)  # fmt: skip
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MONTH_NUMBERS = {name: f"{number:02}" for number, name in enumerate(_MONTHS, start=1)}


def read_access_log(path: str | Path) -> tuple[RequestTable, Columns]:
    """Read an access log.

    Raises
    ------
    WorkloadError
        A line is not of the format, or its time does not exist; names the line.
    """
    records: list[dict[str, Any]] = []
    lines: list[int] = []
    for number, line in numbered_lines(path, "access log"):
        records.append(_record(line.strip(), f"{path}, line {number}"))
        lines.append(number)
    frame = pd.DataFrame(records, columns=list(_COLUMNS)).astype(_COLUMNS)
    table = RequestTable(frame, str(path), lambda row: f"line {lines[row]}")
    table.require(["time"])
    stamps = pd.to_datetime(frame["time"], format="ISO8601", utc=True, errors="coerce")
    if stamps.isna().any():
        table.require_each("time", _exists, "a day and a time that exist")
    table = RequestTable(frame.assign(time=stamps), str(path), table.row_name)
    return table.in_order_of("time"), Columns("time", payload="request")


def _exists(time: object) -> bool:
    return bool(pd.notna(pd.to_datetime(str(time), format="ISO8601", utc=True, errors="coerce")))


_COLUMNS = {
    "time": "str",
    "request": "str",
    "host": "str",
    "user": "str",
    "protocol": "str",
    "status": "int64",
    "size_bytes": "Int64",
    "referer": "str",
    "user_agent": "str",
}


def _record(line: str, place: str) -> dict[str, Any]:
    match = _LINE.fullmatch(line)
    month = _MONTH_NUMBERS.get(match["month"]) if match else None
    if match is None or month is None:
        raise WorkloadError(
            f"{place} is not of the combined log format: {line[:80]!r}; expected "
            'host identity user [day/month/year:time zone] "request" status bytes '
            '"referer" "user agent".'
        )
    request, space, protocol = match["request"].rpartition(" ")
    if not space or not protocol.startswith("HTTP/"):
        request, protocol = match["request"], None
    return {
        "time": f"{match['year']}-{month}-{match['day']}T{match['clock']}{match['zone']}",
        "request": request,
        "host": match["host"],
        "user": None if match["user"] == "-" else match["user"],
        "protocol": protocol,
        "status": int(match["status"]),
        "size_bytes": None if match["size_bytes"] == "-" else int(match["size_bytes"]),
        "referer": match["referer"],
        "user_agent": match["user_agent"],
    }
