"""What an asset is called after its file."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from assetpipe.config import INDEX, SLUG
from assetpipe.names import asset_names, is_marked, slug
from tests import gltf_files
from tests.commands import run
from tests.shapes import sphere

READABLE = {
    "Oak Chair (v2)": "oak-chair-v2",
    "sofa 🛋": "sofa",
    "déjà_vu": "deja_vu",
    "Größe": "grosse",
    "Łódź Ærø": "lodz-aero",
    "１２": "12",
    "a" * 100: "a" * 80,
}
MARKED = {"椅子": "asset-e57f49ca", "椅子 v2": "v2-b4fe7d9e", "桌子 v2": "v2-d848d46b", "🛋": "asset-1f0c0c4b"}


@pytest.mark.parametrize(("stem", "name"), [*READABLE.items(), *MARKED.items()])
def test_every_file_has_a_name_that_stays(stem: str, name: str) -> None:
    """On any machine, whichever way it writes accents; a hash stands for letters that a-z has none for."""
    assert [slug(unicodedata.normalize(form, stem)) for form in ("NFC", "NFD")] == [name, name]
    assert is_marked(stem, name) == (stem in MARKED)
    assert not is_marked(stem, "stool")


@pytest.mark.parametrize("stem", ["-", "\udcff", "index-椅", "椅" * 99, "x" * 99 + "椅", "_ _", "한국 1"])
def test_whatever_the_stem_its_name_can_be_a_key(stem: str) -> None:
    """Short enough, of the letters that keys are made of, and never the index's."""
    assert SLUG.fullmatch(slug(stem))
    assert not INDEX.fullmatch(slug(stem))


def test_two_scripts_do_not_meet() -> None:
    """What differs only in letters beyond a-z is two assets; what differs in capitals is one."""
    assert len(set(asset_names([Path("椅子 1.glb"), Path("桌子 1.glb"), Path("Стул 1.glb")]).values())) == 3
    assert slug("СТУЛ 1") == slug("Стул 1")


def test_a_build_says_which_file_a_marked_name_is(tmp_path: Path) -> None:
    """Nobody reads that off a hash."""
    source = gltf_files.write_glb(tmp_path / "椅子.glb", *gltf_files.document(sphere(8)))
    done = run("build", source, "--out", tmp_path / "out", "--dry-run")
    assert (done.code, "asset-e57f49ca: is 椅子.glb" in done.err) == (0, True)
    assert "is 椅子.glb" not in run("build", source, "--asset", "stool", "--out", tmp_path / "out", "--dry-run").err
