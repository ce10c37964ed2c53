"""verify finds every corruption and raises no false alarm (P18)."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.garbage import DAY, gc
from assetpipe.delivery.keys import Keys
from assetpipe.delivery.publish import publish_bundle, publish_bundles
from assetpipe.delivery.rollback import rollback
from assetpipe.delivery.sqlite import SqliteCatalog
from assetpipe.delivery.verify import verify
from assetpipe.log import Event
from tests.delivery.bundles import SETTINGS, bundle
from tests.delivery.worlds import no_sync, rounds, settled, world  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("no_sync")
ASSETS = [f"a{n:02}" for n in range(12)]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve assets; some with an earlier revision, one rolled back."""
    folder = tmp_path_factory.mktemp("clean")
    store, catalog = world(folder / "world")
    for content in ("one", "two"):
        given = [bundle(folder, asset, content=content) for asset in (ASSETS if content == "one" else ASSETS[:4])]
        publish_bundles(given, store, catalog, SETTINGS)
    rollback(store, catalog, Keys("furniture", "a01"), SETTINGS)
    return folder


@dataclass(frozen=True)
class Damage:
    """What was done, where, and how verify may call it."""

    key: str
    kinds: tuple[str, ...]


def delete(root: Path, key: str, _draw: random.Random) -> Damage:
    (root / key).unlink()
    return Damage(key, ("missing",))


def truncate(root: Path, key: str, draw: random.Random) -> Damage:
    size = (root / key).stat().st_size
    os.truncate(root / key, draw.randrange(size))
    return Damage(key, ("truncated", "corrupt"))


def flip(root: Path, key: str, draw: random.Random) -> Damage:
    with (root / key).open("r+b") as file:
        bit = draw.randrange(8 * (root / key).stat().st_size)
        file.seek(bit // 8)
        byte = file.read(1)[0] ^ (1 << bit % 8)
        file.seek(bit // 8)
        file.write(bytes([byte]))
    return Damage(key, ("corrupt",))


def swap(root: Path, key: str, draw: random.Random) -> Damage:
    """For another object's copy, whose record rides along, as when two uploads were mixed up."""
    others = sorted(path for path in (root / key).parents[1].rglob("*") if path.is_file() and path.name not in key)
    shutil.copy2(draw.choice(others), root / key)
    return Damage(
        key, ("swapped", "truncated", "corrupt", "stale") if "/index" in key else ("swapped", "truncated", "corrupt")
    )


def targets(root: Path) -> list[str]:
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and ".assetpipe" not in path.parts]
    return [path.relative_to(root).as_posix() for path in files]


@pytest.mark.parametrize("harm", [delete, truncate, flip, swap])
def test_every_damaged_object_is_named_and_no_other(
    harm: Callable[[Path, str, random.Random], Damage], clean: Path, tmp_path: Path
) -> None:
    """A third of all objects at a time, payloads, history, pointers and index pages alike."""
    draw, found, done = random.Random(3), 0, 0
    for _ in range(rounds(3, 12)):
        place = Path(shutil.copytree(clean / "world", tmp_path / "x"))
        store, catalog = world(place)
        keys = targets(place / "store")
        if harm is delete:
            # What only a history document names cannot be missed when that one is gone too: it has its own test.
            keys = [key for key in keys if "/history/" not in key]
        given = [harm(place / "store", key, draw) for key in draw.sample(keys, len(keys) // 3)]
        verified = verify(store, catalog, SETTINGS)
        named = {fault.key: fault for fault in verified.faults}
        damaged = {damage.key for damage in given}
        for damage in given:
            assert damage.key in named, damage
            assert named[damage.key].kind in damage.kinds, (damage, named[damage.key])
            assert damage.key in named[damage.key].message
        assert {fault.key for fault in verified.faults} == damaged
        found, done = found + len(named.keys() & damaged), done + len(given)
        shutil.rmtree(place)
    assert found == done > 60


def test_history_that_was_lost_is_named_and_what_gc_deleted_is_not(clean: Path, tmp_path: Path) -> None:
    """The pointer remembers both, and gc has noted what it took. What was rolled away from nobody remembers."""
    place = Path(shutil.copytree(clean / "world", tmp_path / "x"))
    store, catalog = world(place)
    given = [delete(place / "store", key, random.Random()) for key in targets(place / "store") if "/history/" in key]
    named = {fault.key for fault in verify(store, catalog, SETTINGS).faults}
    assert named < {damage.key for damage in given}
    assert (len(named), len(given)) == (15, 16)
    shutil.rmtree(place)
    shutil.copytree(clean / "world", place)
    gc(store, catalog, 0)
    deleted = gc(store, catalog, 0, now=lambda: time.time() + DAY).deleted
    assert sum("/history/" in key for key in deleted) == 4
    assert verify(store, catalog, SETTINGS).faults == ()


def test_what_is_whole_raises_no_alarm(clean: Path, tmp_path: Path) -> None:
    """Every object of the store was read, the one that nothing names by now not counted twice."""
    place = Path(shutil.copytree(clean / "world", tmp_path / "x"))
    store, catalog = world(place)
    for _ in range(rounds(2, 20)):
        verified = verify(store, catalog, SETTINGS)
        assert verified.faults == ()
    keys = [key for key in targets(place / "store") if "/index" not in key]
    assert verified.objects == len(keys)
    assert verified.bytes == sum((place / "store" / key).stat().st_size for key in keys)


def test_a_stale_catalog_is_named_and_mended(clean: Path, tmp_path: Path) -> None:
    """Entries that are older than the pointer, wrong, missing, or of an asset that is not there."""
    place = Path(shutil.copytree(clean / "world", tmp_path / "x"))
    store, catalog = world(place)
    entries = {asset: catalog.get("furniture", asset) for asset in ASSETS[:4]}
    for asset, entry in entries.items():
        assert entry
        catalog.forget("furniture", asset)
        if asset == "a00":
            catalog.record(replace(entry, sequence=entry.sequence - 1))
        elif asset == "a01":
            catalog.record(replace(entry, revision="0" * 16))
        elif asset == "a02":
            catalog.record(replace(entry, asset="ghost"))
    verified = verify(store, catalog, SETTINGS, mend=True)
    assert {(fault.kind, fault.asset) for fault in verified.faults} == {
        ("stale", asset) for asset in ("a00", "a01", "a02", "a03", "ghost")
    } | {("missing", "ghost")}
    assert verify(store, catalog, SETTINGS).faults == ()
    assert settled(place / "store", catalog) == []


def test_a_stale_or_rotten_index_is_named_and_mended(clean: Path, tmp_path: Path) -> None:
    """A page that was lost, one whose bytes changed, and one of a time when there were more."""
    place = Path(shutil.copytree(clean / "world", tmp_path / "x"))
    store, catalog = world(place)
    pages = place / "store" / "furniture" / "manifest"
    shutil.copy2(pages / "index-1.json", pages / "index-4.json")
    (pages / "index-2.json").unlink()
    flip(place / "store", "furniture/manifest/index.json", random.Random(1))
    verified = verify(store, catalog, SETTINGS, mend=True)
    assert {(fault.kind, Path(fault.key).name) for fault in verified.faults} == {
        ("corrupt", "index.json"), ("missing", "index-2.json"), ("stale", "index-4.json")
    }  # fmt: skip
    assert verify(store, catalog, SETTINGS).faults == ()


@pytest.mark.parametrize("harm", [truncate, flip, swap])
def test_what_is_damaged_is_mended_by_taking_it_away_and_publishing_again(
    harm: Callable[[Path, str, random.Random], Damage], clean: Path, tmp_path: Path
) -> None:
    """A publish believes what is there; whole neighbours are not touched."""
    place = Path(shutil.copytree(clean / "world", tmp_path / "x"))
    store, catalog = world(place)
    keys = [key for key in targets(place / "store") if "/a00" in key and "/manifest/" not in key]
    given = [harm(place / "store", key, random.Random(3)).key for key in keys[::2]]
    assert {fault.key for fault in verify(store, catalog, SETTINGS, mend=True).faults} == set(given)
    assert targets(clean / "world" / "store") == targets(place / "store")
    assert {fault.key for fault in verify(store, catalog, SETTINGS, discard=True).faults} == set(given)
    assert set(targets(clean / "world" / "store")) - set(targets(place / "store")) == set(given)
    for content in ("one", "two"):
        publish_bundle(bundle(tmp_path, "a00", content=content), store, catalog, SETTINGS)
    assert verify(store, catalog, SETTINGS).faults == ()


def test_a_damaged_pointer_is_mended_by_publishing_again(clean: Path, tmp_path: Path) -> None:
    """It needs nothing taken away."""
    place = Path(shutil.copytree(clean / "world", tmp_path / "x"))
    store, catalog = world(place)
    flip(place / "store", "furniture/manifest/a00.json", random.Random(2))
    publish_bundle(bundle(tmp_path, "a00", content="two"), store, catalog, SETTINGS)
    assert verify(store, catalog, SETTINGS).faults == ()


def test_a_publish_meanwhile_is_no_fault(clean: Path, tmp_path: Path) -> None:
    """One comes between what verify reads first and what it reads last; a fault of that moment is gone when it looks
    again."""
    place = Path(shutil.copytree(clean / "world", tmp_path / "x"))
    store, catalog = world(place)
    done: list[str] = []

    def publish(event: Event) -> None:
        if event.asset == "a03" and not done:
            done.append(event.message)
            for asset in ("a01", "a03", "a09", "new"):
                publish_bundle(bundle(tmp_path, asset, content="new"), store, catalog, SETTINGS)

    verified = verify(store, catalog, SETTINGS.model_copy(update={"threads": 1}), report=publish)
    assert (verified.faults, done) == ((), ["verifying"])


def test_one_category_can_be_verified_alone(clean: Path, tmp_path: Path) -> None:
    """Damage elsewhere is not looked for."""
    store, catalog = FolderStore(tmp_path / "s"), SqliteCatalog(tmp_path / "c.sqlite", FolderStore(tmp_path / "s"))
    for category in ("furniture", "furniture-2"):
        publish_bundle(bundle(tmp_path, category=category), store, catalog, SETTINGS)
    delete(tmp_path / "s", next(key for key in targets(tmp_path / "s") if key.startswith("furniture/high")), None)  # type: ignore[arg-type]
    assert verify(store, catalog, SETTINGS, category="furniture-2").faults == ()
    assert len(verify(store, catalog, SETTINGS, category="furniture").faults) == 1
    assert len(verify(store, catalog, SETTINGS).faults) == 1
