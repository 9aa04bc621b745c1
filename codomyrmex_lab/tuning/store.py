"""Trials on disk as they come, so that an interrupted search goes on where it was."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from codomyrmex_lab.errors import TuningError
from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.tuning.trial import Trial, config_key

__all__ = ["TrialStore"]

_FORMAT_VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS search (identity TEXT NOT NULL, version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS trials (
    config TEXT PRIMARY KEY, figures TEXT NOT NULL, largest_batch INTEGER NOT NULL
);
"""


class TrialStore:
    """Trials of one search in an SQLite file; each call is one transaction.

    Parameters
    ----------
    path : pathlib.Path
        The file; made if it is not there.
    identity : str
        What the figures depend on: a file of another search is refused.

    Raises
    ------
    TuningError
        The file cannot be used, or belongs to another search.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        try:
            with closing(self._open()) as connection, connection:
                connection.executescript(_TABLES)
                rows = connection.execute("SELECT identity, version FROM search").fetchall()
                if not rows:
                    connection.execute(
                        "INSERT INTO search VALUES (?, ?)", (identity, _FORMAT_VERSION)
                    )
        except (sqlite3.Error, ValueError) as error:
            raise self._unusable(error) from error
        if rows and rows[0] != (identity, _FORMAT_VERSION):
            raise TuningError(
                f"{path} holds a search of another workload, profile or seed; choose another "
                "file, or remove it."
            )

    def trials_of(self, configs: Iterable[OptimizationConfig]) -> dict[OptimizationConfig, Trial]:
        """Return the trials that are there already, by config."""
        try:
            with closing(self._open()) as connection:
                stored = {
                    config: (figures, largest_batch)
                    for config, figures, largest_batch in connection.execute(
                        "SELECT config, figures, largest_batch FROM trials"
                    )
                }
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        by_config = {config: stored.get(config_key(config)) for config in configs}
        return {
            config: Trial(config, _read(row[0]), row[1])
            for config, row in by_config.items()
            if row is not None
        }

    def add(self, trials: Iterable[Trial]) -> None:
        """Append trials: all of them or, if interrupted, none."""
        rows = [(config_key(one.config), _written(one), one.largest_batch) for one in trials]
        try:
            with closing(self._open()) as connection, connection:
                connection.executemany("INSERT OR REPLACE INTO trials VALUES (?, ?, ?)", rows)
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path)

    def _unusable(self, error: Exception) -> TuningError:
        return TuningError(f"{self._path} cannot be used as a store of trials ({error}).")


def _written(trial: Trial) -> str:
    return json.dumps({name: repr(float(value)) for name, value in trial.figures.items()})


def _read(text: str) -> dict[str, float]:
    values: dict[str, Any] = json.loads(text)
    return {name: float(value) for name, value in values.items()}
