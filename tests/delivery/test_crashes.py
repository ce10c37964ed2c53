"""Whatever kills or refuses a publish: nobody ever sees a part of it, and one rerun makes it whole (P1, P5)."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from assetpipe.bundle import Bundle
from assetpipe.delivery.catalog import Catalog, Entry, Move, Page
from assetpipe.delivery.pointer import Status
from assetpipe.delivery.publish import publish_bundle
from assetpipe.delivery.store import Found, Item, Stat, Store
from assetpipe.errors import AssetpipeError, TryAgain
from tests.delivery.bundles import SETTINGS, bundle
from tests.delivery.faults import Fault, FaultyStore, What, die
from tests.delivery.worlds import faults, in_child, no_sync, objects, rounds, settled, world  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("no_sync")
SEQUENTIAL = SETTINGS.model_copy(update={"threads": 1})
"""So that the n-th call is the same in every run."""
WRITES = ("put", "replace", "delete")


class Hasty:
    """The control: what a publisher puts arrives after the pointer, and in the opposite order."""

    def __init__(self, store: Store) -> None:
        self._store, self._held = store, list[Item]()

    @property
    def url(self) -> str:
        return self._store.url

    def put(self, item: Item) -> bool:
        self._held.append(item)
        return True

    def replace(self, item: Item, expected: str | None) -> str:
        version = self._store.replace(item, expected)
        while self._held:
            self._store.put(self._held.pop())
        return version

    def read(self, key: str) -> Found | None:
        return self._store.read(key)

    def stat(self, key: str) -> Stat | None:
        return self._store.stat(key)

    def list(self, prefix: str) -> Iterator[Stat]:
        return self._store.list(prefix)

    def delete(self, key: str, version: str) -> bool:
        return self._store.delete(key, version)

    def sweep(self, older_than: float, *, dry_run: bool = False) -> int:
        return self._store.sweep(older_than, dry_run=dry_run)


@dataclass(frozen=True)
class DyingCatalog:
    """Dies before or after it records."""

    catalog: Catalog
    when: str

    @property
    def place(self) -> str:
        return self.catalog.place

    def record(self, entry: Entry) -> bool:
        if self.when == "before":
            die()
        recorded = self.catalog.record(entry)
        die()
        return recorded

    def record_all(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.record(entry)

    def get(self, category: str, asset: str) -> Entry | None:
        return self.catalog.get(category, asset)

    def listing(self, category: str) -> Iterator[Entry]:
        return self.catalog.listing(category)

    def query(self, category: str, *, status: Status | None = None, limit: int = 100, after: str = "") -> Page:
        return self.catalog.query(category, status=status, limit=limit, after=after)

    def moves(self, category: str, asset: str) -> list[Move]:
        return self.catalog.moves(category, asset)

    def categories(self) -> list[str]:
        return self.catalog.categories()

    def announce(self, category: str, asset: str, sequence: int) -> None:
        self.catalog.announce(category, asset, sequence)

    def announce_all(self, told: Iterable[tuple[str, str, int]]) -> None:
        self.catalog.announce_all(told)

    def forget(self, category: str, asset: str) -> None:
        self.catalog.forget(category, asset)


@dataclass(frozen=True)
class Scene:
    """A store before a publish, and the same store after it, undisturbed."""

    before: Path
    after: dict[str, bytes]
    bundle: Bundle
    calls: tuple[str, ...]

    def copy(self, folder: Path) -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        # Attributes of the files are the store's records; copytree keeps them.
        return Path(shutil.copytree(self.before, folder))


@pytest.fixture(scope="module", params=["first", "second"])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The first publish of an asset into a store that holds another, and one over an earlier revision."""
    folder = tmp_path_factory.mktemp("scene")
    before, after = folder / "before", folder / "after"
    for place in (before, after):
        store, catalog = world(place)
        publish_bundle(bundle(folder, "lamp"), store, catalog, SEQUENTIAL)
        if request.param == "second":
            publish_bundle(bundle(folder), store, catalog, SEQUENTIAL)
    new = bundle(folder, content="two")
    store, catalog = world(after)
    counting = FaultyStore(store, [])
    publish_bundle(new, counting, catalog, SEQUENTIAL)
    assert settled(after / "store", catalog) == []
    return Scene(before, objects(after / "store"), new, counting.log)


def rerun(scene: Scene, place: Path) -> None:
    store, catalog = world(place)
    publish_bundle(scene.bundle, store, catalog, SEQUENTIAL)
    assert settled(place / "store", catalog) == []
    assert objects(place / "store") == scene.after


def killed_at(scene: Scene, place: Path, fault: Fault, wrap: Callable[[Store], Store] = lambda store: store) -> int:
    scene.copy(place)
    store, catalog = world(place)
    return in_child(lambda: publish_bundle(scene.bundle, wrap(FaultyStore(store, [fault])), catalog, SEQUENTIAL))


@pytest.mark.parametrize("what", ["kill before", "kill after"])
def test_killed_at_any_call_of_the_store_nobody_sees_a_part_of_it(scene: Scene, what: What, tmp_path: Path) -> None:
    """Pointers, history, catalog and indexes name only what is there and whole; one rerun gives the same bytes as if
    nothing had happened."""
    for n in range(1, len(scene.calls) + 1):
        assert killed_at(scene, tmp_path / "x", Fault(n, what)) == -signal.SIGKILL
        assert faults(tmp_path / "x" / "store", world(tmp_path / "x")[1]) == [], f"{what} {scene.calls[n - 1]}"
        rerun(scene, tmp_path / "x")


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_the_catalog_nobody_sees_a_part_of_it(scene: Scene, when: str, tmp_path: Path) -> None:
    """The catalog is behind then, never ahead."""
    scene.copy(tmp_path / "x")
    store, catalog = world(tmp_path / "x")
    dying = DyingCatalog(catalog, when)
    assert in_child(lambda: publish_bundle(scene.bundle, store, dying, SEQUENTIAL)) == -signal.SIGKILL
    assert faults(tmp_path / "x" / "store", catalog) == []
    rerun(scene, tmp_path / "x")


def test_the_same_kills_break_a_publisher_that_moves_the_pointer_first(scene: Scene, tmp_path: Path) -> None:
    """The control: in most runs the reader finds what it must."""
    scene.copy(tmp_path / "x")
    store, catalog = world(tmp_path / "x")
    counting = FaultyStore(store, [])
    publish_bundle(scene.bundle, Hasty(counting), catalog, SEQUENTIAL)
    sites = [n for n, call in enumerate(counting.log, 1) if call.startswith(WRITES)]
    whats: tuple[What, ...] = ("kill before", "kill after")
    broken = 0
    for fault in (Fault(n, what) for n in sites for what in whats):
        killed_at(scene, tmp_path / "x", fault, Hasty)
        broken += bool(faults(tmp_path / "x" / "store", world(tmp_path / "x")[1]))
    assert broken > len(sites)  # of 2 * len(sites)


def test_killed_at_any_moment_nobody_sees_a_part_of_it(scene: Scene, tmp_path: Path) -> None:
    """Between the calls too: inside of the store, the catalog, the threads."""
    place = tmp_path / "x"
    scene.copy(place)
    began = time.monotonic()
    assert in_child(lambda: publish_bundle(scene.bundle, *world(place), SETTINGS)) == 0
    longest = time.monotonic() - began
    moments = random.Random(7)
    for _ in range(rounds(12, 250)):
        scene.copy(place)
        child = os.fork()
        if child == 0:
            publish_bundle(scene.bundle, *world(place), SETTINGS)
            os._exit(0)
        time.sleep(moments.uniform(0, longest))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert faults(place / "store", world(place)[1]) == []
        rerun(scene, place)


@pytest.mark.parametrize(("what", "lasting"), [("raise before", False), ("raise after", False), ("raise before", True)])
def test_refused_at_any_call_it_ends_with_the_store_s_error(
    scene: Scene, what: What, lasting: bool, tmp_path: Path
) -> None:
    """Stores have tried again before they raise, so a publish does not; nothing half is seen, and a rerun finishes."""
    place = tmp_path / "x"
    for n in range(1, len(scene.calls) + 1):
        scene.copy(place)
        store, catalog = world(place)
        began = time.monotonic()
        with pytest.raises(TryAgain) as caught:
            publish_bundle(scene.bundle, FaultyStore(store, [Fault(n, what, lasting)]), catalog, SEQUENTIAL)
        assert caught.value.code == "E_FAULT"
        assert time.monotonic() - began < 600
        assert faults(place / "store", catalog) == [], f"{what} {scene.calls[n - 1]}"
        rerun(scene, place)


@pytest.mark.parametrize("what", ["flip", "truncate"])
def test_what_changes_on_its_way_is_refused_or_does_no_harm(scene: Scene, what: What, tmp_path: Path) -> None:
    """A body that is sent as another is refused by the store; one that is read as another (a pointer, an index) is not
    taken for the truth."""
    place = tmp_path / "x"
    for n in range(1, len(scene.calls) + 1):
        scene.copy(place)
        store, catalog = world(place)
        with suppress(AssetpipeError):
            publish_bundle(scene.bundle, FaultyStore(store, [Fault(n, what, bit=77 * n)]), catalog, SEQUENTIAL)
        assert faults(place / "store", catalog) == [], f"{what} {scene.calls[n - 1]}"
