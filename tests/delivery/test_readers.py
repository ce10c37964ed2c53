"""Readers always see one consistent version (P17): index, pointer and files, read as a web server would serve them."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assetpipe.delivery.garbage import DAY, gc
from assetpipe.delivery.keys import Keys
from assetpipe.delivery.publish import publish_bundle
from assetpipe.delivery.rollback import rollback
from tests.delivery.bundles import SETTINGS, bundle
from tests.delivery.worlds import no_sync, rounds, world  # noqa: F401  a fixture

ASSETS = [f"a{n}" for n in range(5)]


@contextmanager
def writing(folder: Path) -> Iterator[int]:
    """A process that republishes without end: revisions that share levels, rollbacks, gcs. Yields a pipe of turns."""
    given = {(asset, x): bundle(folder, asset, content=str(x)) for asset in ASSETS for x in range(4)}
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        store, catalog = world(folder)
        draw = random.Random(1)
        try:
            for turn in range(1_000_000):
                asset = draw.choice(ASSETS)
                publish_bundle(given[asset, draw.randrange(4)], store, catalog, SETTINGS)
                if turn % 7 == 3:
                    gc(store, catalog, 30, now=lambda turn=turn: 2e9 + turn * DAY)
                pointer = json.loads((folder / "store" / Keys("furniture", asset).pointer).read_bytes())
                earlier = pointer["publication"]["earlier"]
                if turn % 5 == 2 and earlier and (store.stat(Keys("furniture", asset).history(earlier[0]))):
                    rollback(store, catalog, Keys("furniture", asset), SETTINGS)
                os.write(write, b".")
        finally:
            os._exit(1)
    os.close(write)
    try:
        yield read
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(read)


@pytest.mark.usefixtures("no_sync")
def test_whoever_follows_a_name_finds_what_was_named(tmp_path: Path) -> None:
    """From the index to pointer to level: every JSON whole, every file there, every hash as the pointer says, while
    assets are republished, rolled back and collected."""
    root, reads, turns, draw = tmp_path / "store", 0, 0, random.Random(2)
    with writing(tmp_path) as progress:
        turns += len(os.read(progress, 1))
        while reads < rounds(1_500, 12_000) or turns < rounds(30, 200):
            index = json.loads((root / "furniture/manifest/index.json").read_bytes())
            page = draw.choice([None, *range(1, index["pages"])])
            if page is not None:
                index = json.loads((root / f"furniture/manifest/index-{page}.json").read_bytes())
            for asset in index["assets"]:
                pointer = json.loads((root / "furniture/manifest" / asset["manifest"]).read_bytes())
                for level in [*pointer["levels"], pointer["poster"]]:
                    path = root / posixpath.normpath(posixpath.join("furniture/manifest", level["uri"]))
                    assert hashlib.sha256(path.read_bytes()).hexdigest() == level["sha256"]
                    reads += 1
            os.set_blocking(progress, False)
            try:
                turns += len(os.read(progress, 65_536)) or 10**9
            except BlockingIOError:
                continue
    assert turns < 10**9, "the writer failed"
