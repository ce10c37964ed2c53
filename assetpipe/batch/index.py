"""Journal -> index.html, one page on what came of each asset, and the same for machines, as JSON lines.

Both are written row by row: ten thousand assets take no more memory than one. Pictures are the bundles' own posters,
loaded as they come into view.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from assetpipe.batch.journal import Entry, Journal, State
from assetpipe.batch.order import LevelFacts
from assetpipe.batch.tasks import Batch
from assetpipe.quality.report import html_page, html_text

POLICY = "default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
BODY = "<!-- rows -->"
STYLE = """<style>
.night td, .night th { vertical-align: middle }
.night td.verdict { width: 6rem }
.night img { display: block; width: 4.5rem; aspect-ratio: 1; object-fit: contain; border-radius: 8px }
.night img { background: #f4f4f2 }
.night td:first-child { width: 6rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .4rem 0 }
pre { font-size: .8rem; max-height: 16rem; overflow: auto }
code { font-size: .85rem; overflow-wrap: anywhere }
</style>"""


def write_index(path: Path, batch: Batch, journal: Journal, names: set[str]) -> None:
    """Failures first. `names`: the assets of this batch, of all that the journal knows."""
    before, after = html_page(f"Batch · {batch.out.name}", BODY, POLICY).split(BODY)
    with _replaced(path) as file:
        file.write(before)
        file.write(STYLE)
        file.write(_header(batch, journal, names))
        _section(file, "Quarantined", (_failed(each) for each in journal.all("quarantined") if each.asset in names))
        _section(file, "Done", (_done(each, batch) for each in journal.all("done") if each.asset in names))
        file.write(after)


def write_results(path: Path, journal: Journal, names: set[str], *states: State) -> None:
    """One JSON object an asset, by name; only of these states, or of all that are settled. A failure has its log."""
    with _replaced(path) as file:
        for each in journal.all(*(states or ("done", "quarantined"))):
            if each.asset in names:
                file.write(json.dumps(_record(each) | ({"log": each.log} if states else {}), ensure_ascii=True) + "\n")


def _record(each: Entry) -> dict[str, object]:
    known: dict[str, object] = {"asset": each.asset, "source": each.source, "state": each.state}
    if each.state == "quarantined":
        known |= each.outcome.model_dump(include={"code", "message", "hint"}) | {"repro": each.repro}
    else:
        known |= each.outcome.model_dump(mode="json", include={"levels", "revision", "warnings"})
    known |= {"attempts": each.attempts, "seconds": each.seconds, "peak_mb": each.peak_mb}
    return known | {"confined": each.outcome.confined}


def _header(batch: Batch, journal: Journal, names: set[str]) -> str:
    done = sum(each.asset in names for each in journal.all("done"))
    failed = sum(each.asset in names for each in journal.all("quarantined"))
    open_ones = len(names) - done - failed
    facts = [f"{done:,} done", f"{failed:,} quarantined", *([f"{open_ones:,} still to do"] if open_ones else [])]
    where = f"published to {batch.to}" if batch.to else f"in {batch.out.name}"
    return f'<h1>{html_text(", ".join(facts))}</h1>\n<p class="kicker">{html_text(where)}</p>\n'


def _section(file: TextIO, title: str, rows: Iterator[str]) -> None:
    first = next(rows, None)
    if first is not None:
        file.write(f'<section>\n<h2>{title}</h2>\n<div class="wide"><table class="night"><tbody>\n{first}')
        file.writelines(rows)
        file.write("</tbody></table></div>\n</section>\n")


def _done(each: Entry, batch: Batch) -> str:
    folder, outcome = quote(each.asset), each.outcome
    name = html_text(each.asset)
    poster = f'<img alt="" loading="lazy" src="{folder}/poster.webp">' if _has(batch, each, "poster.webp") else ""
    title = f'<a href="{folder}/report.html">{name}</a>' if _has(batch, each, "report.html") else name
    levels = "".join(_level(level) for level in outcome.levels)
    word, kind = (f"{outcome.warnings} warned", "warn") if outcome.warnings else ("pass", "pass")
    took = f"{each.seconds:,.0f} s, {each.peak_mb:,} MB"
    return (
        f'<tr><td>{poster}</td><th scope="row">{title}<small>{html_text(each.source)}</small></th>{levels}'
        f'<td class="verdict {kind}">{word}<small>{took}</small></td></tr>\n'
    )


def _level(level: LevelFacts) -> str:
    what = f"{level.triangles:,} triangles, {level.bytes / 1000:,.0f} kB"
    return f"<td><b>{html_text(level.name)}</b><small>{what}</small></td>"


def _failed(each: Entry) -> str:
    outcome = each.outcome
    log = f"<details><summary>log</summary><pre>{_lines(each.log)}</pre></details>" if each.log.strip() else ""
    return (
        f'<tr><td class="verdict fail">{html_text(outcome.code)}</td>'
        f'<th scope="row">{html_text(each.asset)}<small>{html_text(each.source)}</small></th>'
        f"<td>{html_text(outcome.message)}<small>{html_text(outcome.hint)}</small>"
        f"<code>{html_text(each.repro)}</code>{log}</td></tr>\n"
    )


def _lines(log: str) -> str:
    return "\n".join(html_text(line) for line in log.splitlines())


def _has(batch: Batch, each: Entry, name: str) -> bool:
    return (batch.out / each.asset / name).is_file()


class _replaced:  # noqa: N801  # read as a verb: with _replaced(path)
    """A file that takes the place of the one that was there when it is whole."""

    def __init__(self, path: Path) -> None:
        self._path, self._partial = path, path.with_name(f".{path.name}.partial")

    def __enter__(self) -> TextIO:
        self._file = self._partial.open("w", encoding="utf-8", errors="backslashreplace")
        return self._file

    def __exit__(self, kind: object, _error: object, _trace: object) -> None:
        self._file.close()
        if kind is None:
            self._partial.replace(self._path)
        else:
            self._partial.unlink()
