"""Files of requests, read into tables that know the line of every row."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from codomyrmex_lab.errors import WorkloadError
from codomyrmex_lab.workloads.table import RequestTable

__all__ = ["numbered_lines", "read_csv", "read_frame", "read_jsonl", "read_parquet"]

_PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"(\xb5/\xfd": "zstd", b"BZh": "bzip2"}


def read_csv(path: str | Path) -> RequestTable:
    """Read a CSV file with a header line; words such as ``NA`` are text, empty fields missing.

    Raises
    ------
    WorkloadError
        The file cannot be read as CSV.
    """
    file = _existing(path, "CSV")
    try:
        with warnings.catch_warnings():
            # how pandas tells that every row has more values than the header has names
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                file,
                encoding="utf-8-sig",
                compression=None,
                index_col=False,
                keep_default_na=False,
                na_values=[""],
                low_memory=False,
            )
    except pd.errors.EmptyDataError:
        raise WorkloadError(f"{path} is empty; expected a header line and rows.") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, OSError) as error:
        raise WorkloadError(f"{path} cannot be read as CSV: {_one_line(error)}") from error
    except UnicodeDecodeError as error:
        raise WorkloadError(f"{path} cannot be read as CSV: {_why_no_text(file)}.") from error
    return RequestTable(frame, str(path), lambda row: f"line {_csv_line(file, row)}")


def read_jsonl(path: str | Path) -> RequestTable:
    """Read a file with one JSON object per line; blank lines are skipped.

    Raises
    ------
    WorkloadError
        The file cannot be read, or a line does not hold an object.
    """
    records: list[dict[str, Any]] = []
    lines: list[int] = []
    for number, line in numbered_lines(path, "JSONL"):
        records.append(_json_object(line, f"{path}, line {number}"))
        lines.append(number)
    return RequestTable(pd.DataFrame(records), str(path), lambda row: f"line {lines[row]}")


def numbered_lines(path: str | Path, kind: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 file that are not blank, with their numbers from 1.

    Raises
    ------
    WorkloadError
        The file cannot be read.
    """
    file = _existing(path, kind)
    try:
        with file.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield number, line
    except OSError as error:
        raise WorkloadError(f"{path} cannot be read as {kind}: {_one_line(error)}") from error
    except UnicodeDecodeError as error:
        raise WorkloadError(f"{path} cannot be read as {kind}: {_why_no_text(file)}.") from error


def read_parquet(path: str | Path) -> RequestTable:
    """Read a Parquet file.

    Raises
    ------
    WorkloadError
        The file cannot be read as Parquet.
    """
    file = _existing(path, "Parquet")
    try:
        frame = pd.read_parquet(file, engine="pyarrow")
    except (pa.ArrowException, OSError, ValueError) as error:
        raise WorkloadError(f"{path} cannot be read as Parquet: {_one_line(error)}") from error
    return RequestTable(frame, str(path), lambda row: f"row {row + 1}")


def read_frame(frame: pd.DataFrame) -> RequestTable:
    """Take a frame as it is.

    Raises
    ------
    WorkloadError
        It is not a ``pandas.DataFrame``.
    """
    if not isinstance(frame, pd.DataFrame):
        raise WorkloadError(f"The frame is a {type(frame).__name__}; expected a pandas DataFrame.")
    return RequestTable(frame, "The frame", lambda row: f"row at position {row}")


def _existing(path: str | Path, kind: str) -> Path:
    file = Path(path)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        raise WorkloadError(f"{path} {what}; expected the path of a {kind} file.")
    return file


def _why_no_text(file: Path) -> str:
    with file.open("rb") as stream:
        begins = stream.read(4)
    for magic, packer in _PACKED.items():
        if begins.startswith(magic):
            return f"it is compressed by {packer}; unpack it first"
    return "it is not UTF-8 text; save it as such"


def _json_object(line: str, place: str) -> dict[str, Any]:
    try:
        value = json.loads(line.strip())
    except json.JSONDecodeError as error:
        raise WorkloadError(
            f"{place} is not valid JSON: {error.msg}, at character {error.pos + 1}."
        ) from None
    except (ValueError, RecursionError) as error:
        raise WorkloadError(f"{place} is not valid JSON: {_one_line(error)}") from None
    if not isinstance(value, dict):
        raise WorkloadError(f"{place} holds a {type(value).__name__}; expected a JSON object.")
    return value


def _csv_line(file: Path, row: int) -> int:
    """Line at which a row begins: quoted values may span lines, blank lines do not count."""
    position = -1  # the header
    begins, inside_quotes = 1, False
    with file.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, start=1):
            if not inside_quotes:
                if not line.strip():
                    continue
                begins = number
            inside_quotes ^= line.count('"') % 2 == 1
            if not inside_quotes:
                if position == row:
                    break
                position += 1
    return begins


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
