import re
from html.parser import HTMLParser

import pytest

from assetpipe.asset import Json
from assetpipe.quality import Finding, report_html
from tests.quality.files import picture


def manifest(**changes: object) -> Json:
    level = {
        "name": "preview",
        "uri": "preview.glb",
        "sha256": "1" * 64,
        "bytes": 181_234,
        "triangles": 9_800,
        "vertices": 6_100,
        "materials": 1,
        "textures": [{"slot": "baseColor", "px": 512, "mime": "image/webp"}],
        "screen_px": 256,
        "deviation": {"max": 0.0012, "rms": 0.0002, "unit": "metre"},
        "scores": {"ssim": 0.97},
        "notes": ["morph targets dropped"],
    }
    made: Json = {
        "schema": "assetpipe/manifest/1",
        "asset": "oak-chair",
        "category": "furniture",
        "source": {"sha256": "2" * 64, "bytes": 512_000_000, "format": "glb", "triangles": 4_135_552},
        "config_sha256": "3" * 64,
        "tool": {"version": "1.0.0"},
        "bounds": {"min": [0, 0, 0], "max": [0.5, 0.9, 0.5], "radius": 0.6},
        "levels": [level],
        "poster": {"uri": "poster.webp", "sha256": "4" * 64},
        "repairs": [],
        "warnings": [],
    }
    return made | changes


class Page(HTMLParser):
    """What a browser would see: text, tags and where they point."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href", "srcset", "action")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += f" {' '.join(data.split())}"


def test_the_page_says_what_each_level_holds() -> None:
    """Bytes, triangles, vertices, textures, deviation in millimetres and in pixels, scores and notes."""
    text = Page(report_html(manifest(), {})).text
    for fact in ("oak-chair", "furniture", "512 MB", "4,135,552", "0.5 × 0.9 × 0.5 m", "preview", "256 px", "181 kB"):
        assert fact in text, fact
    for fact in (
        "9,800",
        "6,100 vertices",
        "512 px webp",
        "baseColor",
        "1.2 mm",
        "0.26 px",
        "SSIM 0.9700",
        "morph targets",
    ):
        assert fact in text, fact


def test_the_page_asks_for_nothing() -> None:
    """Pictures are inside it, there is no script, and the page forbids both to itself."""
    html = report_html(manifest(), {"poster.webp": picture(8, 8, form="WEBP"), "front.png": picture(8, 8)})
    page = Page(html)
    assert [address.split(";")[0] for address in page.addresses] == ["data:image/webp", "data:image/png"]
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags)
    assert "default-src 'none'" in html
    assert not re.search(r"https?://|url\(|@import", html)


@pytest.mark.parametrize(
    "evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a\u202egpj.exe", "</style>", "&amp;"]
)
def test_names_from_a_source_cannot_become_markup(evil: str) -> None:
    """Asset, category, level, texture, note, repair, picture and finding are shown as text."""
    level = manifest()["levels"][0] | {"name": evil, "notes": [evil], "scores": {evil: 1.0}}
    level["textures"] = [{"slot": evil, "px": 1, "mime": evil}]
    html = report_html(
        manifest(asset=evil, category=evil, levels=[level], repairs=[evil], warnings=[evil]),
        {evil: b"not a picture"},
        [Finding(evil, "fail", evil, evil)],
    )
    clean = Page(report_html(manifest(repairs=["a"], warnings=["a"]), {"a": b""}, [Finding("a", "fail", "a", "a")]))
    page = Page(html)
    assert page.tags == clean.tags
    assert page.open == []
    assert "\u202e" not in html


def test_findings_are_grouped_by_budget_and_marked_in_words() -> None:
    """A verdict is readable without colour."""
    findings = [
        Finding("scene", "pass", "m.glb: sound"),
        Finding("triangles", "fail", "m.glb: 12 of 10", "khronos"),
        Finding("overlapping UVs", "not tested", "m.glb: tiled", "khronos"),
        Finding("materials", "warn", "m.glb: 3", "shopify"),
    ]
    text = Page(report_html(manifest(), {}, findings)).text
    order = [
        "The files",
        "1 check passed",
        "Budget of khronos",
        "fail",
        "12 of 10",
        "not tested",
        "Budget of shopify",
        "warn",
    ]
    places = [text.index(word) for word in order]
    assert places == sorted(places)


def test_what_there_is_nothing_to_say_about_has_no_heading() -> None:
    """A clean asset has a short page."""
    text = Page(report_html(manifest(poster=None), {})).text
    assert "Repaired" not in text
    assert "For the author" not in text
    assert "Repaired in the source" in Page(report_html(manifest(repairs=["mended"]), {})).text


def test_the_same_bundle_has_the_same_page() -> None:
    """No clock and no host is in it."""
    pictures = {"poster.webp": picture(8, 8, form="WEBP")}
    assert report_html(manifest(), pictures) == report_html(manifest(), pictures)
