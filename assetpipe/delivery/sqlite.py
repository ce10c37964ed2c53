"""The catalog beside a folder store: one SQLite file, for as many processes as share the folder.

Every call holds a shared lock and looks whether the file is still the one that it knows; whoever has to make the file
takes the lock for itself alone. So nobody goes on writing into a file that was replaced, and a missing or damaged one
is made from the store at the first call that finds it so.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from assetpipe.bundle import disk_faults
from assetpipe.delivery.catalog import Entry, Move, Page, entries_of
from assetpipe.delivery.entry_json import files_from_json, files_to_json
from assetpipe.delivery.pointer import Status
from assetpipe.delivery.store import Store
from assetpipe.delivery.tokens import after_token, read_token
from assetpipe.errors import AssetpipeError, LimitExceeded, NotPermitted, ServiceUnavailable, TryAgain

FORMAT = 1
"""`user_version` of the file; one of another format is made again from the store."""
BUSY_SECONDS = 60.0
SYNCHRONOUS = "FULL"
SCHEMA = """
CREATE TABLE entries (
    category TEXT, asset TEXT, revision TEXT, sequence INTEGER, status TEXT, updated REAL, files TEXT,
    announced INTEGER DEFAULT 0, PRIMARY KEY (category, asset)) WITHOUT ROWID;
CREATE INDEX newest ON entries (category, updated DESC, asset DESC);
CREATE INDEX newest_of_status ON entries (category, status, updated DESC, asset DESC);
CREATE TABLE moves (
    category TEXT, asset TEXT, sequence INTEGER, revision TEXT, status TEXT, updated REAL,
    PRIMARY KEY (category, asset, sequence)) WITHOUT ROWID;
"""
NEWEST = (
    "SELECT * FROM entries WHERE category = ? AND (updated, asset) < (?, ?) ORDER BY updated DESC, asset DESC LIMIT ?"
)
NEWEST_OF_STATUS = NEWEST.replace("category = ?", "category = ? AND status = ?")
LATEST = (9e99, "")
"""Newer than anything: where a query begins."""
T = TypeVar("T")


class _Damaged(Exception):
    """The file is not there, not ours, or broken."""


@dataclass(frozen=True)
class SqliteCatalog:
    path: Path
    store: Store
    """where the file is made from when it is missing or damaged"""
    _connection: _Connection = field(default_factory=lambda: _Connection(), repr=False, compare=False)

    @property
    def place(self) -> str:
        return str(self.path)

    def record(self, entry: Entry) -> bool:
        return self._do(lambda db: _record(db, entry))

    def record_all(self, entries: Iterable[Entry]) -> None:
        """In one transaction, for each costs a commit: 2 ms of disk, and nobody else writes meanwhile."""
        given = list(entries)  # they may come from the store, which is not to be asked while all others wait
        if given:
            self._do(lambda db: [_record(db, entry) for entry in given])

    def get(self, category: str, asset: str) -> Entry | None:
        rows = self._rows("SELECT * FROM entries WHERE category = ? AND asset = ?", category, asset)
        return _entry(rows[0]) if rows else None

    def listing(self, category: str) -> Iterator[Entry]:
        rows = self._rows("SELECT * FROM entries WHERE category = ? ORDER BY asset", category)
        return map(_entry, rows)

    def query(self, category: str, *, status: Status | None = None, limit: int = 100, after: str = "") -> Page:
        place = (*(read_token(after) if after else LATEST), limit + 1)
        rows = (
            self._rows(NEWEST_OF_STATUS, category, status, *place) if status else self._rows(NEWEST, category, *place)
        )
        page = tuple(map(_entry, rows[:limit]))
        return Page(page, after_token(page[-1].updated, page[-1].asset) if len(rows) > limit else "")

    def moves(self, category: str, asset: str) -> list[Move]:
        rows = self._rows(
            "SELECT sequence, revision, status, updated FROM moves WHERE category = ? AND asset = ? "
            "ORDER BY sequence DESC",
            category,
            asset,
        )
        return [Move(*row) for row in rows]

    def categories(self) -> list[str]:
        return [row[0] for row in self._rows("SELECT DISTINCT category FROM entries ORDER BY category")]

    def announce(self, category: str, asset: str, sequence: int) -> None:
        self.announce_all([(category, asset, sequence)])

    def announce_all(self, told: Iterable[tuple[str, str, int]]) -> None:
        statement = "UPDATE entries SET announced = ? WHERE category = ? AND asset = ? AND announced < ?"
        rows = [(sequence, category, asset, sequence) for category, asset, sequence in told]
        self._do(lambda db: db.executemany(statement, rows))

    def forget(self, category: str, asset: str) -> None:
        def delete(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM entries WHERE category = ? AND asset = ?", (category, asset))
            db.execute("DELETE FROM moves WHERE category = ? AND asset = ?", (category, asset))

        self._do(delete)

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self._do(lambda db: db.execute(statement, values).fetchall(), "DEFERRED")

    def _do(self, work: Callable[[sqlite3.Connection], T], transaction: str = "IMMEDIATE") -> T:
        """In one transaction, on a file that is whole."""
        for _ in range(3):
            try:
                with self._locked(fcntl.LOCK_SH), self._connection.transaction(self.path, transaction) as db:
                    return work(db)
            except _Damaged:
                self._make()
        raise ServiceUnavailable(
            "E_CATALOG_DAMAGED",
            f"{self.path}: was made from the store again, and is damaged again",
            hint="check the disk",
        )

    def _make(self) -> None:
        """Beside its place, then moved in: whoever dies over it leaves what was there."""
        partial = self.path.with_name(f"{self.path.name}.{os.getpid()}.partial")
        with self._locked(fcntl.LOCK_EX), disk_faults(self.path, "store"):
            if _is_whole(self.path):
                return
            partial.unlink(missing_ok=True)
            try:
                _fill(partial, entries_of(self.store))
                for suffix in ("-wal", "-shm"):
                    self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
                partial.replace(self.path)
            except sqlite3.Error as error:
                raise _explained(self.path, getattr(error, "sqlite_errorcode", 0) & 0xFF, error) from error
            finally:
                partial.unlink(missing_ok=True)

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        with disk_faults(self.path, "store"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, how)
            yield
        finally:
            os.close(handle)


class _Connection:
    """Stays open between calls: opening and closing cost 20 ms of syncs, a commit 2. One thread at a time; a child that
    was forked opens its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._of: tuple[int, int, int] = (0, 0, 0)

    @contextmanager
    def transaction(self, path: Path, how: str) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                db = self._fresh(path)
                db.execute(f"BEGIN {how}")
                yield db
                db.execute("COMMIT")
            except sqlite3.Error as error:
                self._close()
                raise _fault(path, error) from error
            except BaseException:
                self._close()
                raise

    def _fresh(self, path: Path) -> sqlite3.Connection:
        """To the file that is at `path` now, which may have been made anew since."""
        try:
            stat = path.stat()
        except FileNotFoundError:
            self._close()
            raise _Damaged from None
        of = (os.getpid(), stat.st_dev, stat.st_ino)
        if self._db is None or self._of != of:
            self._close()
            self._db, self._of = _connect(path, "rw"), of
            if self._db.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
                raise _Damaged
        return self._db

    def _close(self) -> None:
        db, self._db = self._db, None
        if db is not None and self._of[0] == os.getpid():
            with suppress(sqlite3.Error):
                db.close()


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        uri=True,
    )
    db.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
    return db


def _fill(path: Path, entries: Iterator[Entry]) -> None:
    with closing(_connect(path, "rwc")) as db:
        db.executescript(SCHEMA)
        db.execute("BEGIN")
        for entry in entries:
            _record(db, entry)
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA user_version = {FORMAT}")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _is_whole(path: Path) -> bool:
    try:
        with closing(_connect(path, "rw")) as db:
            whole: bool = db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return whole and db.execute("PRAGMA user_version").fetchone() == (FORMAT,)
    except sqlite3.Error:
        return False


def _record(db: sqlite3.Connection, entry: Entry) -> bool:
    name, state = (entry.category, entry.asset), (entry.revision, entry.sequence, entry.status, entry.updated)
    done = db.execute(
        "INSERT INTO entries (category, asset, revision, sequence, status, updated, files) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE "
        "SET revision = excluded.revision, sequence = excluded.sequence, "
        "status = excluded.status, updated = excluded.updated, files = excluded.files "
        "WHERE excluded.sequence > entries.sequence",
        (*name, *state, files_to_json(entry)),
    )
    if not done.rowcount:
        return False
    db.execute(
        "INSERT OR REPLACE INTO moves (category, asset, revision, sequence, status, updated) VALUES (?, ?, ?, ?, ?, ?)",
        (*name, *state),
    )
    return True


def _entry(row: tuple[Any, ...]) -> Entry:
    category, asset, revision, sequence, status, updated, files, announced = row
    return Entry(category, asset, revision, sequence, status, updated, files_from_json(files), announced)


def _fault(path: Path, error: sqlite3.Error) -> Exception:
    # Extended codes have the primary one in the low byte.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    broken = code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN)
    if broken or "no such table" in str(error):
        return _Damaged()
    return _explained(path, code, error)


def _explained(path: Path, code: int, error: sqlite3.Error) -> AssetpipeError:
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return TryAgain("E_CATALOG_BUSY", f"{path}: others have held it for {BUSY_SECONDS:.0f} s", hint="try again")
    if code == sqlite3.SQLITE_FULL:
        return LimitExceeded("E_DISK_FULL", f"{path}: the disk is full", hint="free some space")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return NotPermitted("E_NOT_WRITABLE", f"{path}: may not be written", hint="ask for rights on the store")
    return ServiceUnavailable("E_CATALOG", f"{path}: {error}", hint="check the disk that the store is on")
