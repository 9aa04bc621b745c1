"""Service-time profiles as Parquet: the points as rows, everything else in the header."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from codomyrmex_lab.errors import ProfileError
from codomyrmex_lab.simulation.overheads import Overheads
from codomyrmex_lab.tracing.provenance import json_ready
from codomyrmex_lab.tracing.whole_file import whole_file

if TYPE_CHECKING:
    from codomyrmex_lab.simulation.service_profile import ServiceProfile

__all__ = ["FORMAT_VERSION", "read_profile", "write_profile"]

FORMAT_VERSION = 2
_KEY = b"codomyrmex_lab.service_profile"
_HEADER = (
    "residuals",
    "residual_sources",
    "submit_residuals",
    "model",
    "host",
    "versions",
    "n_payloads",
    "cost",
    "overheads",
    "settings",
)


def write_profile(profile: ServiceProfile, path: Path) -> Path:
    """Write a profile to a file, which appears when it is complete.

    Raises
    ------
    ProfileError
        It cannot be written.
    """
    header = {name: json_ready(getattr(profile, name)) for name in _HEADER}
    header["format_version"] = FORMAT_VERSION
    header["overheads"] = asdict(profile.overheads)
    header["cold_starts"] = profile.cold_starts.to_dict("list")
    table = pa.Table.from_pandas(profile.points, preserve_index=False)
    table = table.replace_schema_metadata({_KEY: json.dumps(header)})
    try:
        with whole_file(path) as file:
            pq.write_table(table, file)
    except OSError as error:
        raise ProfileError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path


def read_profile(path: Path) -> dict[str, Any]:
    """Return the fields of the profile in a file.

    Raises
    ------
    ProfileError
        There is no such file, or it is no profile, or one of a newer form.
    """
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise ProfileError(f"{path} is no readable service profile: {reason}.") from error
    header = _header(path, table)
    try:
        return {
            "points": pd.DataFrame({name: table[name].to_pandas() for name in table.column_names}),
            "residuals": np.array(header["residuals"], dtype=np.float64),
            "residual_sources": np.array(header.get("residual_sources", ()), np.int64).reshape(
                -1, 2
            ),
            "submit_residuals": np.array(header["submit_residuals"], dtype=np.float64),
            "model": str(header["model"]),
            "host": dict(header["host"]),
            "versions": dict(header["versions"]),
            "n_payloads": int(header["n_payloads"]),
            "cost": header["cost"],
            "cold_starts": pd.DataFrame(header["cold_starts"]),
            "overheads": Overheads(**header["overheads"]),
            "settings": dict(header["settings"]),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ProfileError(f"{path} is a damaged service profile: {error!r}.") from error


def _header(path: Path, table: pa.Table) -> dict[str, Any]:
    try:
        header: dict[str, Any] = json.loads((table.schema.metadata or {})[_KEY])
        version = header["format_version"]
    except (KeyError, ValueError, TypeError):
        raise ProfileError(
            f"{path} is a Parquet file, but not a service profile; expected one that "
            "ServiceProfile.save() wrote."
        ) from None
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise ProfileError(
            f"{path} has format version {version!r}; this release reads versions up to "
            f"{FORMAT_VERSION}: install a newer one."
        )
    return header
