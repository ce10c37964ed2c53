"""Manifest, findings, pictures -> one HTML page that needs nothing else: no script, no request, no clock.

Every name in it comes from an untrusted file: text goes through `html_text`, which escapes markup, shows control and
direction marks as what they are, and the page forbids itself all but its own style and its own pictures.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path

from assetpipe.asset import Json
from assetpipe.log import printable
from assetpipe.quality.audit import Finding

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
MIMES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}
SCORES = {"silhouette_iou": "silhouettes overlap", "ssim": "SSIM"}
VERDICTS = {"pass": "pass", "fail": "fail", "warn": "warn", "not tested": "untested"}


def report_html(manifest: Json, pictures: Mapping[str, bytes], findings: Sequence[Finding] = ()) -> str:
    """`pictures`: file name -> PNG, JPEG or WebP; the manifest's poster stands on top, others in a gallery below."""
    poster = (manifest.get("poster") or {}).get("uri")
    rest = {name: data for name, data in pictures.items() if name != poster}
    parts = [
        _header(manifest, pictures.get(poster) if poster else None),
        _section("Levels of detail", _levels(manifest)),
        _section("Pictures", _gallery(rest) if rest else ""),
        _section("Repaired in the source", _list(manifest.get("repairs", ()))),
        _section("Materials and textures", _list(manifest.get("notes", ()))),
        _section("For the author", _list(manifest.get("warnings", ()))),
        *_budgets(findings),
        _footer(manifest),
    ]
    return html_page(f"{manifest['asset']} · {manifest['category']}", "\n".join(part for part in parts if part))


def html_page(title: str, body: str, policy: str = POLICY) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{html_text(title)}</title>
<style>
{_style()}</style>
</head>
<body>
{body}
</body>
</html>
"""


def _header(manifest: Json, poster: bytes | None) -> str:
    source, bounds = manifest["source"], manifest["bounds"]
    extents = (high - low for low, high in zip(bounds["min"], bounds["max"], strict=True))
    facts = {
        "Source": f"{source['format']}, {_bytes(source['bytes'])}",
        "Triangles": f"{source['triangles']:,}",
        "Size": " × ".join(f"{extent:.3g}" for extent in extents) + " m",
    }
    rows = "".join(f"<dt>{html_text(name)}</dt><dd>{html_text(fact)}</dd>" for name, fact in facts.items())
    figure = (
        f'<figure><img alt="{html_text(manifest["asset"])}" src="{_data_uri(poster)}"></figure>'
        if poster
        else "<div></div>"
    )
    title = f'<h1>{html_text(manifest["asset"])}</h1>\n<p class="kicker">{html_text(manifest["category"])}</p>'
    return f"<header>\n{figure}\n<div>\n{title}\n<dl>{rows}</dl>\n</div>\n</header>"


def _levels(manifest: Json) -> str:
    columns = ("Level", "For a screen of", "Download", "Triangles", "Textures", "Strays at most")
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    rows = "\n".join(_level(level, manifest, columns) for level in manifest["levels"])
    table = f'<table class="stack"><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>'
    return f'<div class="wide">{table}</div>'


def _level(level: Json, manifest: Json, columns: Sequence[str]) -> str:
    source = manifest["source"]
    materials = f"{level['materials']} material{'' if level['materials'] == 1 else 's'}"
    triangles = _share(level["triangles"], source["triangles"]), f"{level['vertices']:,} vertices"
    cells = (
        _cell(f"{level['screen_px']:,} px"),
        _cell(_bytes(level["bytes"]), _share(level["bytes"], source["bytes"])),
        _cell(f"{level['triangles']:,}", *triangles),
        f"{_textures(level['textures'])}<small>{materials}</small>",
        _cell(*_deviation(level, manifest["bounds"]["radius"])),
    )
    data = "".join(_labelled(label, cell) for label, cell in zip(columns[1:], cells, strict=True))
    scores = [f"{SCORES.get(name, name)} {value:.4f}" for name, value in sorted(level.get("scores", {}).items())]
    below = "".join(f"<small>{html_text(remark)}</small>" for remark in (*scores, *level.get("notes", ())))
    return f'<tr><th scope="row">{html_text(level["name"])}{below}</th>{data}</tr>'


def _labelled(label: str, cell: str) -> str:
    return f'<td data-label="{label}"><span>{cell}</span></td>'


def _deviation(level: Json, radius: float) -> tuple[str, ...]:
    """In millimetres, and in pixels of the screen that the level is for."""
    far = level["deviation"]["max"]
    pixels = far * level["screen_px"] / (2 * radius) if radius > 0 else 0.0
    return f"{far * 1000:.3g} mm", f"{pixels:.2g} px there", f"rms {level['deviation']['rms'] * 1000:.2g} mm"


def _textures(textures: Iterable[Json]) -> str:
    """Sizes, and below each the slots that have it."""
    slots: dict[str, list[str]] = {}
    for texture in sorted(textures, key=lambda texture: -int(texture["px"])):
        slots.setdefault(f"{texture['px']:,} px {texture['mime'].removeprefix('image/')}", []).append(texture["slot"])
    return "".join(_cell(size, ", ".join(dict.fromkeys(names))) for size, names in slots.items()) or "none"


def _budgets(findings: Sequence[Finding]) -> list[str]:
    names = list(dict.fromkeys(finding.budget for finding in findings))
    titles = {name: f"Budget of {name}" if name else "The files" for name in names}
    return [_section(titles[name], _findings([item for item in findings if item.budget == name])) for name in names]


def _findings(findings: Sequence[Finding]) -> str:
    """What needs a look in the open, what passed folded up."""
    passed = [item for item in findings if item.verdict == "pass"]
    open_ones = _verdicts([item for item in findings if item.verdict != "pass"])
    if not passed:
        return open_ones
    count = f"{len(passed)} check{'' if len(passed) == 1 else 's'} passed"
    folded = f'<details><summary class="verdict pass">{count}</summary>\n{_verdicts(passed)}\n</details>'
    return f"{open_ones}\n{folded}"


def _verdicts(findings: Sequence[Finding]) -> str:
    rows = "\n".join(
        f'<tr><td class="verdict {VERDICTS[item.verdict]}">{item.verdict}</td>'
        f"<td>{html_text(item.check)}<small>{html_text(item.message)}</small></td></tr>"
        for item in findings
    )
    return f'<div class="wide"><table><tbody>\n{rows}\n</tbody></table></div>' if findings else ""


def _gallery(pictures: Mapping[str, bytes]) -> str:
    figures = (
        f'<figure><img alt="" src="{_data_uri(data)}"><figcaption>{html_text(name)}</figcaption></figure>'
        for name, data in pictures.items()
    )
    return f'<div class="gallery">{"".join(figures)}</div>'


def _footer(manifest: Json) -> str:
    source, config = manifest["source"]["sha256"], manifest["config_sha256"]
    made = f"assetpipe {manifest['tool']['version']}, source {source[:16]}, settings {config[:16]}"
    return f"<footer>{html_text(made)}</footer>"


def _section(title: str, body: str) -> str:
    return f"<section>\n<h2>{html_text(title)}</h2>\n{body}\n</section>" if body else ""


def _list(sentences: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{html_text(sentence)}</li>' for sentence in sentences)}</ul>" if sentences else ""


def _cell(value: str, *notes: str) -> str:
    return f"<b>{html_text(value)}</b>" + "".join(f"<small>{html_text(note)}</small>" for note in notes if note)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2g} % of the source" if whole and part <= whole else ""


def _bytes(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"


def html_text(value: str) -> str:
    return escape(printable(str(value)))


def _data_uri(picture: bytes) -> str:
    mime = next((mime for magic, mime in MIMES.items() if picture.startswith(magic)), "application/octet-stream")
    return f"data:{mime};base64,{base64.b64encode(picture).decode()}"


@cache
def _style() -> str:
    return Path(__file__).with_name("report.css").read_text(encoding="utf-8")
