"""What people see at a terminal of their width, with or without colour."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from PIL import Image as Picture

from tests import gltf_files
from tests.commands import run
from tests.delivery.bundles import bundle
from tests.shapes import sphere

NAME = "oak-chair-with-arms-and-a-cushion"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def at_terminal(columns: int, *words: object, **environment: str) -> str:
    """All that `assetpipe WORDS` says, to a terminal so wide."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    clean = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    child = subprocess.Popen(
        [sys.executable, "-m", "assetpipe", *map(str, words)],
        stdin=theirs, stdout=theirs, stderr=theirs, env={**clean, "TERM": "xterm", **environment},
    )  # fmt: skip
    os.close(theirs)
    said = b""
    while chunk := _read(ours):
        said += chunk
    os.close(ours)
    child.wait(60)
    return said.decode()


def _read(handle: int) -> bytes:
    """Linux says EIO where the other end is closed."""
    try:
        return os.read(handle, 65_536)
    except OSError:
        return b""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """With an asset of a long name."""
    run("publish", bundle(tmp_path, NAME).folder, "--to", tmp_path / "store")
    return tmp_path / "store"


@pytest.mark.parametrize("width", [30, 80, 100, 200])
def test_no_name_and_no_revision_is_cut_short(store: Path, width: int) -> None:
    """However narrow the terminal is: what is not there cannot be copied."""
    revision = next(path.stem for path in store.glob("furniture/history/*/*.json"))
    listed = ESCAPES.sub("", at_terminal(width, "catalog", "list", "--store", store))
    assert NAME in listed
    assert revision in listed
    shown = ESCAPES.sub("", at_terminal(width, "catalog", "show", NAME, "--store", store))
    for path in store.glob("furniture/high/*.glb"):
        assert path.relative_to(store).as_posix() in shown
    assert "…" not in listed + shown


def test_the_last_column_is_folded_between_words(store: Path) -> None:
    """Where the others leave room for it: rows stay rows."""
    lines = ESCAPES.sub("", at_terminal(110, "catalog", "list", "--store", store)).splitlines()
    assert max(map(len, lines)) <= 110
    assert [line.strip() for line in lines[2:]]
    assert all(line.startswith(" " * 35) for line in lines[2:])


def test_who_wants_no_colour_gets_none(tmp_path: Path) -> None:
    """By NO_COLOR, or at a terminal that has none; others do get it."""
    words = ("inspect", tmp_path / "none.glb")
    assert "\x1b" not in at_terminal(80, *words, NO_COLOR="1") + at_terminal(80, *words, TERM="dumb")
    assert "\x1b[31m" in at_terminal(80, *words)


def test_what_strangers_have_named_is_no_markup(tmp_path: Path) -> None:
    """`[/red]` would end a colour that was never begun, `:bomb:` become a picture."""
    document, data = gltf_files.document(sphere(8))
    Picture.new("RGB", (8, 8), "red").save(tmp_path / "red.png")
    document["images"] = [{"uri": "red.png", "name": "wood [/red] :bomb:"}]
    document["textures"] = [{"source": 0}]
    document["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]
    document["meshes"][0]["primitives"][0]["material"] = 0
    source = gltf_files.write_glb(tmp_path / "[bold]chair.glb", document, data)
    done = run("inspect", source)
    assert (done.code, done.err) == (0, "")
    assert "[bold]chair.glb" in done.out
    assert "wood [/red] :bomb:" in done.out
