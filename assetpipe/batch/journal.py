"""What is known of each asset, in SQLite: a runner that is killed finds there what need not be done again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from assetpipe.batch.order import LevelFacts, Outcome

State = Literal["built", "done", "quarantined"]
VERSION = 1
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS asset (
  asset TEXT PRIMARY KEY, source TEXT NOT NULL, identity TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL,
  seconds REAL NOT NULL, peak_mb INTEGER NOT NULL, outcome TEXT NOT NULL, repro TEXT NOT NULL, log TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS run (id INTEGER PRIMARY KEY, ended INTEGER NOT NULL);
PRAGMA user_version = {VERSION};
"""


@dataclass(frozen=True)
class Entry:
    """The last that is known of an asset. `identity`: of all that its bundle depends on."""

    asset: str
    source: str
    identity: str
    state: State
    attempts: int = 1
    seconds: float = 0.0
    """Of all its stages and attempts."""
    peak_mb: int = 0
    outcome: Outcome = field(default_factory=Outcome)
    repro: str = ""
    """A command that shows the failure again."""
    log: str = ""
    """The end of what the child said."""

    @property
    def levels(self) -> tuple[LevelFacts, ...]:
        return self.outcome.levels


class Journal:
    """Every write is on disk when the call returns, as far as a kill of this process goes: a power cut may take the
    last ones, and then their assets are looked at again."""

    def __init__(self, path: Path) -> None:
        self._base = sqlite3.connect(path, isolation_level=None)
        (version,) = self._base.execute("PRAGMA user_version").fetchone()
        if version not in (0, VERSION):
            raise sqlite3.DatabaseError(f"is of form {version}, this version of assetpipe knows {VERSION}")
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = NORMAL")
        self._base.executescript(SCHEMA)

    def close(self) -> None:
        self._base.close()

    def begin(self) -> bool:
        """Open a run. True when the one before was killed or drained: its failures are not tried again."""
        row = self._base.execute("SELECT ended FROM run ORDER BY id DESC LIMIT 1").fetchone()
        self._base.execute("INSERT INTO run (ended) VALUES (0)")
        return bool(row) and not row[0]

    def finish(self) -> None:
        self._base.execute("UPDATE run SET ended = 1")

    def write(self, entry: Entry) -> None:
        self._base.execute(
            "INSERT OR REPLACE INTO asset VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                entry.asset,
                entry.source,
                entry.identity,
                entry.state,
                entry.attempts,
                entry.seconds,
                entry.peak_mb,
                json.dumps(entry.outcome.model_dump()),
                entry.repro,
                entry.log,
            ),
        )

    def read(self, asset: str) -> Entry | None:
        row = self._base.execute("SELECT * FROM asset WHERE asset = ?", (asset,)).fetchone()
        return _entry(row) if row else None

    def forget(self, asset: str) -> None:
        self._base.execute("DELETE FROM asset WHERE asset = ?", (asset,))

    def all(self, *states: State) -> Iterator[Entry]:
        """By name; one at a time, however many there are."""
        marks = ", ".join("?" * len(states))
        query = f"SELECT * FROM asset WHERE state IN ({marks}) ORDER BY asset"  # noqa: S608  # question marks only
        for row in self._base.execute(query, states):
            yield _entry(row)


def _entry(row: tuple[str, ...]) -> Entry:
    asset, source, identity, state, attempts, seconds, peak_mb, outcome, repro, log = row
    try:
        said = Outcome.model_validate_json(outcome)
    except ValidationError:
        raise sqlite3.DatabaseError(f"the line of {asset} is damaged") from None
    return Entry(
        asset,
        source,
        identity,
        state,  # type: ignore[arg-type]  # what `write` wrote
        int(attempts),
        float(seconds),
        int(peak_mb),
        said,
        repro,
        log,
    )
