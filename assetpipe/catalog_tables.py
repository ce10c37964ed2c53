"""What `catalog` prints for people: aligned, readable without colour, no name that could fool a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.text import Text

from assetpipe.log import printable
from assetpipe.tables import columns, facts, show_table, stdout_console

if TYPE_CHECKING:
    from assetpipe.delivery.catalog import Entry
    from assetpipe.delivery.upkeep import Collected
    from assetpipe.shelves import Cleared, Shown, Tended

STATUS = {"live": ("live", "green"), "rolled_back": ("rolled back", "yellow")}


def show_entries(entries: Sequence[Entry], store: str) -> None:
    console = stdout_console()
    if not entries:
        console.print(Text(f"nothing like this is published in {printable(store)}"))
        return
    rows = columns("asset", "category", "status", "revision", "since (UTC)", "levels")
    for entry in entries:
        levels = ", ".join(f"{file.level} {_size(file.bytes)}" for file in entry.files if file.bytes)
        status = Text(*STATUS[entry.status])
        rows.add_row(printable(entry.asset), entry.category, status, entry.revision, when(entry.updated), levels)
    show_table(rows)


def show_asset(shown: Shown) -> None:
    console, entry = stdout_console(), shown.entry
    status = STATUS[entry.status][0]
    facts(
        console,
        [
            ("asset", f"{entry.category}/{entry.asset}"),
            ("revision", f"{entry.revision}, {status} since {when(entry.updated)} UTC"),
            ("manifest", entry.keys.pointer),
        ],
    )
    files = columns("file", "triangles", "bytes", "key")
    for file in entry.files:
        triangles, size = f"{file.triangles:,}" if file.triangles else "", f"{file.bytes:,}" if file.bytes else ""
        files.add_row(file.level, triangles, size, file.key)
    show_table(files)
    history = columns("move", "revision", "what", "when (UTC)")
    for move in shown.moves:
        what = "rolled back to" if move.status == "rolled_back" else "published"
        history.add_row(str(move.sequence), move.revision, what, when(move.updated))
    show_table(history)
    others = [revision for revision in shown.revisions if revision != entry.revision]
    facts(console, [("can become", ", ".join(others) or "nothing else: this is its only revision")])


def show_tended(tended: Tended, store: str) -> None:
    console, verified = stdout_console(), tended.verified
    for fault in tended.mended:
        console.print(Text.assemble(("mended   ", "green"), " ", printable(fault.message)))
    for fault in verified.faults:
        console.print(Text.assemble((f"{fault.kind:<9}", "bold red"), " ", printable(fault.message)))
    counts = f"{verified.objects:,} objects, {_size(verified.bytes)} read and hashed"
    left = len(verified.faults)
    verdict = (f"{left} fault{'s'[: left != 1]}", "bold red") if left else ("all as it was published", "green")
    console.print(Text.assemble(f"{printable(store)}: {counts}: ", verdict))


def show_cleared(done: Cleared, *, dry_run: bool) -> None:
    for url, found in ((done.store, done.first), (done.replica, done.other)):
        if done.replica and found:
            stdout_console().print(Text(f"in {printable(url)}:"))
        if found:
            _show_collected(found, dry_run=dry_run)


def _show_collected(done: Collected, *, dry_run: bool) -> None:
    console = stdout_console()
    for key in done.deleted:
        console.print(Text(f"{'would go' if dry_run else 'deleted'}  {printable(key)}"))
    would = "would be " if dry_run else ""
    console.print(f"{len(done.deleted):,} objects, {_size(done.deleted_bytes)} {would}deleted")
    if done.swept:
        console.print(f"{done.swept:,} leftovers of interrupted writers {would}removed")
    if done.marked:
        console.print(f"{len(done.marked):,} objects are named by nothing current, and not old enough to go")
    for fault in done.left_alone:
        console.print(Text.assemble(("left alone ", "yellow"), printable(fault)))


def when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.0f} kB"
