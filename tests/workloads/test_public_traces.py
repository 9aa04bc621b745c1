"""Downloads from a server on this machine that can be told to misbehave."""

import hashlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from codomyrmex_lab.errors import SettingError, WorkloadError
from codomyrmex_lab.workloads import PublicTrace, Workload, fetch
from codomyrmex_lab.workloads.public_traces import PUBLIC_TRACES

CONTENT = b"TIMESTAMP,ContextTokens,GeneratedTokens\n" + b"".join(
    b"2023-11-16 18:%02d:%02d.0000000,%d,1\n" % (second // 60, second % 60, second)
    for second in range(3000)
)


@dataclass
class Site:
    """What the server gives, and what it was asked."""

    content: bytes = CONTENT
    url: str = ""
    status: int = 200
    knows_ranges: bool = True
    cut_after: list[int] = field(default_factory=list)
    """Of the first answers: bytes after which the connection ends."""
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.asked.append((request.path, wanted))
        begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if self.status != 200:
            request.send_error(self.status)
            return
        if wanted and self.knows_ranges:
            if begin >= len(self.content):
                request.send_error(416)
                return
            request.send_response(206)
            last = len(self.content) - 1
            request.send_header("Content-Range", f"bytes {begin}-{last}/{last + 1}")
        else:
            begin = 0
            request.send_response(200)
        body = self.content[begin:]
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: self.cut_after.pop(0)] if self.cut_after else body)
        request.close_connection = True


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        site.url = f"http://127.0.0.1:{server.server_port}"
        yield site
        server.shutdown()
        thread.join()


TRACE = PublicTrace(
    "owner/traces",
    "c0ffee",
    "data/trace.csv",
    size_bytes=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    n_requests=3000,
    licence="MIT",
    loader="from_azure",
)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_trace_is_downloaded_once(site: Site, tmp_path: Path) -> None:
    paths = [fetch(TRACE, cache_dir=tmp_path, base_url=site.url) for _ in range(2)]

    assert paths[0] == paths[1]
    assert paths[0].read_bytes() == CONTENT
    assert site.asked == [("/owner/traces/c0ffee/data/trace.csv", None)]
    assert files(tmp_path) == ["trace.csv"]
    assert len(Workload.from_azure(paths[0])) == TRACE.n_requests


def test_known_name_is_served_by_a_mirror(site: Site, tmp_path: Path, shared_data: Path) -> None:
    site.content = (shared_data / "AzureLLMInferenceTrace_conv.csv").read_bytes()

    path = fetch("azure-llm-2023-conv", cache_dir=tmp_path, base_url=f"{site.url}/mirror/")

    known = PUBLIC_TRACES["azure-llm-2023-conv"]
    assert site.asked[0][0] == f"/mirror/{known.repository}/{known.commit}/{known.path}"
    assert len(getattr(Workload, known.loader)(path)) == known.n_requests


def test_cache_folder_is_the_labs(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODOMYRMEX_LAB_CACHE", str(tmp_path))

    path = fetch(TRACE, base_url=site.url)

    assert path.is_relative_to(tmp_path / "traces")


def test_download_cut_off_goes_on_where_it_ended(site: Site, tmp_path: Path) -> None:
    site.cut_after = [1000, 500]

    path = fetch(TRACE, cache_dir=tmp_path, base_url=site.url)

    assert [wanted for _, wanted in site.asked] == [None, "bytes=1000-", "bytes=1500-"]
    assert path.read_bytes() == CONTENT
    assert files(tmp_path) == ["trace.csv"]


def test_later_call_goes_on_where_an_earlier_one_gave_up(site: Site, tmp_path: Path) -> None:
    site.cut_after = [1000, 0]
    with pytest.raises(
        WorkloadError, match=r"ended after 1,000 of 103,930 bytes, from where the next"
    ):
        fetch(TRACE, cache_dir=tmp_path, base_url=site.url)
    assert files(tmp_path) == ["trace.csv.part"]
    site.asked.clear()

    path = fetch(TRACE, cache_dir=tmp_path, base_url=site.url)

    assert [wanted for _, wanted in site.asked] == ["bytes=1000-"]
    assert path.read_bytes() == CONTENT
    assert files(tmp_path) == ["trace.csv"]


def test_server_that_sends_no_parts_sends_all_again(site: Site, tmp_path: Path) -> None:
    site.knows_ranges = False
    site.cut_after = [1000]

    assert fetch(TRACE, cache_dir=tmp_path, base_url=site.url).read_bytes() == CONTENT
    assert len(site.asked) == 2


@pytest.mark.parametrize("size", [len(CONTENT), len(CONTENT) + 5])
def test_part_that_is_no_part_is_thrown_away(site: Site, tmp_path: Path, size: int) -> None:
    path = fetch(TRACE, cache_dir=tmp_path, base_url=site.url)
    path.rename(path.with_name("trace.csv.part"))
    path.with_name("trace.csv.part").write_bytes(b"x" * size)

    if size == len(CONTENT):
        with pytest.raises(WorkloadError, match="another file than expected"):
            fetch(TRACE, cache_dir=tmp_path, base_url=site.url)
        assert files(tmp_path) == []
    assert fetch(TRACE, cache_dir=tmp_path, base_url=site.url).read_bytes() == CONTENT


def test_part_beyond_the_servers_file_is_thrown_away(site: Site, tmp_path: Path) -> None:
    site.content = CONTENT[:800]
    site.cut_after = [800]
    with pytest.raises(WorkloadError, match="the connection ended after 800 of"):
        fetch(TRACE, cache_dir=tmp_path, base_url=site.url)

    assert files(tmp_path) == ["trace.csv.part"]
    site.content = CONTENT
    assert fetch(TRACE, cache_dir=tmp_path, base_url=site.url).read_bytes() == CONTENT


@pytest.mark.parametrize("content", [CONTENT[::-1], CONTENT])
def test_other_content_is_not_kept(site: Site, tmp_path: Path, content: bytes) -> None:
    site.content = content
    wanted = replace(TRACE, sha256="0" * 64)

    with pytest.raises(WorkloadError) as caught:
        fetch(wanted, cache_dir=tmp_path, base_url=site.url)

    assert f"its SHA-256 is not {'0' * 64}; nothing was kept" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == []


def test_server_that_never_ends_is_not_listened_to_for_longer(site: Site, tmp_path: Path) -> None:
    site.content = CONTENT + b"x" * 10_000_000

    assert fetch(TRACE, cache_dir=tmp_path, base_url=site.url).read_bytes() == CONTENT


def test_damaged_file_in_the_cache_is_replaced(site: Site, tmp_path: Path) -> None:
    path = fetch(TRACE, cache_dir=tmp_path, base_url=site.url)
    path.write_bytes(b"damaged")

    assert fetch(TRACE, cache_dir=tmp_path, base_url=site.url).read_bytes() == CONTENT


def test_missing_page_is_told(site: Site, tmp_path: Path) -> None:
    site.status = 404

    with pytest.raises(WorkloadError, match=r"data/trace.csv cannot be fetched .*404"):
        fetch(TRACE, cache_dir=tmp_path, base_url=site.url)
    assert len(site.asked) == 1


def test_offline_it_says_what_to_download_where(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(WorkloadError) as caught:
            fetch(TRACE, cache_dir=tmp_path, base_url=url)

    message = str(caught.value)
    assert message.startswith(f"{url}/owner/traces/c0ffee/data/trace.csv cannot be fetched (")
    assert f"download it by other means, to {tmp_path}" in message
    assert "trace.csv, or name another folder" in message
    assert "urlopen" not in message
    assert "\n" not in message


def test_file_put_there_by_hand_is_found_offline(tmp_path: Path) -> None:
    path = tmp_path / TRACE.sha256[:12] / "trace.csv"
    path.parent.mkdir()
    path.write_bytes(CONTENT)

    assert fetch(TRACE, cache_dir=tmp_path, base_url="http://127.0.0.1:9") == path


def test_folder_that_cannot_be_written_is_named(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(WorkloadError, match="CODOMYRMEX_LAB_CACHE"):
        fetch(TRACE, cache_dir=tmp_path / "file", base_url=site.url)


def test_unknown_names_and_addresses_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no public trace 'azure'; expected one of azure-llm-"):
        fetch("azure", cache_dir=tmp_path)
    with pytest.raises(SettingError, match="base_url is 'file:///etc'; expected an http"):
        fetch(TRACE, cache_dir=tmp_path, base_url="file:///etc")
