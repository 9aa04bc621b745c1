"""Downloads that go on where an earlier one ended."""

from __future__ import annotations

import http.client
import re
import shutil
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

__all__ = ["IncompleteDownloadError", "ResumingDownloader"]

_TIMEOUT_S = 30.0
_CHUNK_BYTES = 1 << 16
_RANGE = re.compile(r"bytes (\d+)-")


class IncompleteDownloadError(OSError):
    """The server ended before all was there, or sent more than there should be."""


class ResumingDownloader:
    """Fetches a file of known size over HTTP, for ``pooch``.

    What has come is kept beside the target, as ``<name>.part``, until all is there; the next
    attempt, in this process or another, asks for the rest only. A server that cannot send parts
    sends all again.

    Parameters
    ----------
    part : pathlib.Path
        File for what has come.
    size_bytes : int
        Size of the whole.
    n_attempts : int
        Connections to try in one call, as long as each brings something.
    """

    def __init__(self, part: Path, size_bytes: int, n_attempts: int = 3) -> None:
        self._part = part
        self._size_bytes = size_bytes
        self._n_attempts = n_attempts

    def __call__(self, url: str, output_file: str | Path, _pooch: Any) -> None:
        """Write the file at ``url`` to ``output_file``; raises ``OSError`` when it cannot."""
        for attempt in range(1, self._n_attempts + 1):
            had = self._so_far()
            try:
                if had < self._size_bytes:
                    self._continue(url, had)
                break
            except HTTPError as error:
                error.close()
                beyond_the_end = error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
                if beyond_the_end:
                    self._part.unlink(missing_ok=True)  # what is there is no part of the file
                if not beyond_the_end or attempt == self._n_attempts:
                    raise
            except (OSError, http.client.HTTPException):
                if attempt == self._n_attempts or self._so_far() <= had:
                    raise
        shutil.move(self._part, output_file)

    def _so_far(self) -> int:
        """Return the number of bytes at hand; a file that is too large is of no use."""
        if not self._part.exists():
            return 0
        size = self._part.stat().st_size
        if size > self._size_bytes:
            self._part.unlink()
            return 0
        return size

    def _continue(self, url: str, had: int) -> None:
        headers = {"Accept-Encoding": "identity", "User-Agent": "codomyrmex-lab"}
        if had:
            headers["Range"] = f"bytes={had}-"
        with urlopen(Request(url, headers=headers), timeout=_TIMEOUT_S) as response:
            begins = _first_byte(response)
            if begins not in (0, had):
                raise IncompleteDownloadError(f"the server sent bytes from {begins}, not {had}")
            with self._part.open("r+b" if begins else "wb") as part:
                part.seek(begins)
                size = begins + _copy(response, part, self._size_bytes - begins)
        if size < self._size_bytes:
            raise IncompleteDownloadError(
                f"the connection ended after {size:,} of {self._size_bytes:,} bytes, from where "
                "the next attempt goes on"
            )


def _first_byte(response: http.client.HTTPResponse) -> int:
    if response.status != HTTPStatus.PARTIAL_CONTENT:
        return 0
    match = _RANGE.match(response.headers.get("Content-Range", ""))
    return int(match[1]) if match else -1


def _copy(source: IO[bytes], target: IO[bytes], most_bytes: int) -> int:
    """Copy at most so many bytes, as they come; return how many did."""
    copied = 0
    while chunk := source.read(min(_CHUNK_BYTES, most_bytes - copied)):
        target.write(chunk)
        copied += len(chunk)
    return copied
