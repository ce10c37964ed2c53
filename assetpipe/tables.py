"""What the commands print for people: aligned, readable without colour, no name that could fool a terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console
from rich.table import Table
from rich.text import Text

from assetpipe.log import printable

if TYPE_CHECKING:
    from assetpipe.checking import Checked
    from assetpipe.health import Health
    from assetpipe.inspection import Inspection

WIDEST = 1_000
"""Wider than any row: what is cut short cannot be copied."""
MARKS = {
    "pass": ("pass", "green"),
    "fail": ("FAIL", "bold red"),
    "warn": ("warn", "yellow"),
    "not tested": ("n/t", "dim"),
}
STATES = {"ok": ("ok", "green"), "missing": ("MISSING", "bold red"), "absent": ("absent", "yellow")}


def show_inspection(found: Inspection) -> None:
    size = " × ".join(f"{extent:,.3f}" for extent in found.size_m)
    drawn = f"{found.triangles:,}"
    if found.triangles != found.triangles_stored:
        drawn += f" drawn, {found.triangles_stored:,} stored"
    rows = [
        ("file", f"{found.source}, {found.format}, {found.bytes / 1e6:,.1f} MB"),
        ("size", f"{size} m"),
        ("triangles", drawn),
        ("hidden", f"{found.hidden_triangles:,} triangles, removed by a build" if found.hidden_triangles else ""),
        ("vertices", f"{found.vertices:,}"),
        ("drawn by", _counts((found.draw_calls, "draw call"), (found.meshes, "mesh"), (found.nodes, "node"))),
        ("materials", _materials(found)),
        ("textures", _textures_line(found)),
        ("moves", _motion(found)),
        ("variants", ", ".join(found.variants)),
        ("extensions", ", ".join(found.extensions)),
        ("made with", found.generator),
        ("copyright", found.copyright),
    ]
    console = stdout_console()
    facts(console, rows)
    if found.textures:
        show_table(_texture_table(found))
    show_table(_plan_table(found))
    for problem in found.problems:
        console.print(Text.assemble(("problem: ", "yellow"), printable(problem)))
    if not found.problems:
        console.print("problems: none")


def show_checks(checked: Checked, *, verbose: bool) -> None:
    """What passed is only counted, unless `verbose`: a person looks for what did not."""
    console = stdout_console()
    console.print(Text(printable(checked.subject), style="bold"))
    for finding in checked.findings:
        if verbose or finding.verdict != "pass":
            mark, style = MARKS[finding.verdict]
            console.print(Text.assemble((f"  {mark:<4}", style), printable(f"  {finding.check}: {finding.message}")))
    failed, count = len(checked.failures), len(checked.findings)
    verdict = (f"{failed} of {count} checks failed", "bold red") if failed else (f"{count} checks passed", "green")
    console.print(Text.assemble("  ", verdict))


def show_doctor(health: Health) -> None:
    console = stdout_console()
    width = max(10, *(len(item.name) for item in health.items))
    for item in health.items:
        state, style = STATES[item.state]
        console.print(Text.assemble(f"{item.name:<{width}} ", (f"{state:<8}", style), printable(item.detail)))
        if item.state != "ok" and item.cure:
            console.print(Text(f"{'':<{width + 9}}cure: {printable(item.cure)}"))


class _Outlet(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Whoever reads has seen enough: rich would end us as if something had failed."""
        raise BrokenPipeError


def stdout_console() -> Console:
    """Lines are never folded or cut short, and names that strangers have given are no markup."""
    return _Outlet(highlight=False, soft_wrap=True, markup=False, emoji=False, width=WIDEST)


def show_table(table: Table) -> None:
    """At a terminal the last column is folded between its words; where that is not enough, the terminal folds rows."""
    console, last = stdout_console(), table.columns[-1]
    if sys.stdout.isatty():
        last.max_width = 1
        room = shutil.get_terminal_size().columns - console.measure(table).maximum + last.max_width
        last.max_width = max(room, *(len(word) for cell in last.cells for word in str(cell).split()))
    console.print(table)


def facts(console: Console, rows: Iterable[tuple[str, str]]) -> None:
    for name, value in rows:
        if value:
            console.print(Text(f"{name:<11}{printable(value)}"))


def _materials(found: Inspection) -> str:
    names = [material.name or "unnamed" for material in found.materials[:8]]
    more = f" and {len(found.materials) - 8} more" if len(found.materials) > 8 else ""
    return f"{len(found.materials)}: {', '.join(names)}{more}" if names else "none"


def _textures_line(found: Inspection) -> str:
    memory = sum(texture.gpu_bytes for texture in found.textures)
    return f"{len(found.textures)}, {memory / 1e6:,.0f} MB of GPU memory" if found.textures else "none"


def _motion(found: Inspection) -> str:
    parts = ((found.skins, "skin"), (len(found.animations), "animation"), (found.morph_targets, "morph target"))
    return _counts(*(part for part in parts if part[0]))


def _counts(*parts: tuple[int, str]) -> str:
    """`1 mesh, 4 nodes`."""
    return ", ".join(
        f"{count:,} {word}{'' if count == 1 else 'es' if word.endswith('sh') else 's'}" for count, word in parts
    )


def _texture_table(found: Inspection) -> Table:
    table = columns("texture", "used as", "pixels", "kind", "file", "GPU memory")
    for row in found.textures:
        slots = ", ".join(row.slots) or "nothing"
        size = f"{row.width} × {row.height}"
        kind = row.mime.removeprefix("image/")
        table.add_row(
            printable(row.name), slots, size, kind, f"{row.bytes / 1e3:,.0f} kB", f"{row.gpu_bytes / 1e6:,.1f} MB"
        )
    return table


def _plan_table(found: Inspection) -> Table:
    table = columns("a build makes", "triangles", "surface within", "textures", "bytes")
    for plan in found.levels:
        kept = f"at most {plan.triangles:,}"
        size = f"at most {plan.texture_px} px"
        table.add_row(plan.level, kept, f"{plan.strays_mm:.3g} mm", size, f"at most {plan.max_bytes:,}")
    return table


def columns(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, no_wrap=title != titles[-1])
    return table
