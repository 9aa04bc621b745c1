"""Public traces that can be fetched by name, checked against their known contents."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.error import URLError

import pooch

from codomyrmex_lab.cache_folder import CACHE_VARIABLE, default_cache_dir
from codomyrmex_lab.errors import SettingError, WorkloadError
from codomyrmex_lab.workloads.downloads import ResumingDownloader

__all__ = ["PUBLIC_TRACES", "PublicTrace", "fetch"]

_GITHUB_FILES = "https://raw.githubusercontent.com"
_AZURE = ("Azure/AzurePublicDataset", "790921015d50dd6aae7f7e47f39ba0e235ad6b08")
_MOONCAKE = ("kvcache-ai/Mooncake", "3cca71daccf2a7afb8fe3f0295358f70e3a69fdb")


@dataclass(frozen=True, slots=True)
class PublicTrace:
    """One file at one commit of a GitHub repository.

    Parameters
    ----------
    repository, commit, path : str
        Where it is.
    size_bytes, sha256 : int, str
        What it must be.
    n_requests : int
        How many requests it holds.
    licence : str
        Under which terms it is published.
    loader : str
        Method of :class:`Workload` that reads it.
    """

    repository: str
    commit: str
    path: str
    size_bytes: int
    sha256: str
    n_requests: int
    licence: str
    loader: str

    @property
    def file_name(self) -> str:
        """Name of the file."""
        return PurePosixPath(self.path).name


PUBLIC_TRACES = {
    "azure-llm-2023-code": PublicTrace(
        *_AZURE,
        "data/AzureLLMInferenceTrace_code.csv",
        size_bytes=320_117,
        sha256="54e9a6d2a4bd06ba1e060304b900abbc74cbea53de96506e60fe5bb4f2277fb6",
        n_requests=8_819,
        licence="CC-BY-4.0",
        loader="from_azure",
    ),
    "azure-llm-2023-conv": PublicTrace(
        *_AZURE,
        "data/AzureLLMInferenceTrace_conv.csv",
        size_bytes=719_188,
        sha256="2f1e5b666d4e3055fdbba98598ce2ec307767b9064e03e2fa46676dbcc7d0bf8",
        n_requests=19_366,
        licence="CC-BY-4.0",
        loader="from_azure",
    ),
    "mooncake-conversation": PublicTrace(
        *_MOONCAKE,
        "FAST25-release/traces/conversation_trace.jsonl",
        size_bytes=3_029_533,
        sha256="b8cbb061a85206d729d91cdc2981f43c9e0d99209dce588d3af5f7934408b9df",
        n_requests=12_031,
        licence="Apache-2.0",
        loader="from_mooncake",
    ),
    "mooncake-synthetic": PublicTrace(
        *_MOONCAKE,
        "FAST25-release/traces/synthetic_trace.jsonl",
        size_bytes=1_136_313,
        sha256="bd070915a98fc0ed264d7cfef2ce746002eb3076a695ec31ba2674c0111ec131",
        n_requests=3_993,
        licence="Apache-2.0",
        loader="from_mooncake",
    ),
}
"""The traces that :func:`fetch` knows."""


def fetch(
    trace: str | PublicTrace,
    *,
    cache_dir: str | Path | None = None,
    base_url: str = _GITHUB_FILES,
) -> Path:
    """Download a public trace, or find it in the cache, and return its path.

    ``Workload.from_azure(fetch("azure-llm-2023-conv"))`` is the whole of it. A download that was
    cut off goes on where it ended. The file is checked each time.

    Parameters
    ----------
    trace : str or PublicTrace
        A name in ``PUBLIC_TRACES``, or a file of one's own choice.
    cache_dir : path-like or None
        Folder to keep it in; ``traces`` in the lab's cache folder by default, which environment
        variable ``CODOMYRMEX_LAB_CACHE`` changes.
    base_url : str
        Where the repositories are, for a mirror: ``<base_url>/<repository>/<commit>/<path>``.

    Returns
    -------
    pathlib.Path
        Of the checked file.

    Raises
    ------
    SettingError
        There is no trace of this name, or ``base_url`` is not HTTP.
    WorkloadError
        It cannot be downloaded, and why; or what came is not the file that it should be, and is
        not kept.
    """
    wanted = _named(trace)
    if not base_url.startswith(("https://", "http://")):
        raise SettingError(f"base_url is {base_url!r}; expected an http or https address.")
    url = f"{base_url.rstrip('/')}/{wanted.repository}/{wanted.commit}/{wanted.path}"
    folder = Path(cache_dir) if cache_dir else default_cache_dir() / "traces"
    file = folder / wanted.sha256[:12] / wanted.file_name
    by_hand = (
        f"download it by other means, to {file}, or name another folder with cache_dir or "
        f"environment variable {CACHE_VARIABLE}"
    )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.part")
        pooch.retrieve(
            url,
            f"sha256:{wanted.sha256}",
            fname=file.name,
            path=file.parent,
            downloader=ResumingDownloader(part, wanted.size_bytes),
        )
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if type(error) is URLError else error
        raise WorkloadError(f"{url} cannot be fetched ({reason}); {by_hand}.") from error
    except ValueError as error:
        raise WorkloadError(
            f"{url} gave another file than expected: its SHA-256 is not {wanted.sha256}; nothing "
            f"was kept, try again or {by_hand}."
        ) from error
    return file


def _named(trace: str | PublicTrace) -> PublicTrace:
    if isinstance(trace, PublicTrace):
        return trace
    if trace not in PUBLIC_TRACES:
        known = ", ".join(PUBLIC_TRACES)
        raise SettingError(f"There is no public trace {trace!r}; expected one of {known}.")
    return PUBLIC_TRACES[trace]
