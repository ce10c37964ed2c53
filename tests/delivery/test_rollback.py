"""An earlier revision becomes current again: which one, what moves, and when it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assetpipe.delivery.catalog_memory import MemoryCatalog
from assetpipe.delivery.keys import Keys
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.pointer import look
from assetpipe.delivery.publish import announce, publish_bundle
from assetpipe.delivery.rollback import revisions, rollback
from assetpipe.delivery.store import Item, Moved
from assetpipe.errors import AssetpipeError, SourceError, UsageError
from tests.delivery.bundles import SETTINGS, bundle, digest
from tests.delivery.faults import FaultyStore
from tests.delivery.fsck import disagreements, findings
from tests.delivery.worlds import catalogued

CHAIR = Keys("furniture", "chair")


class Shop:
    """A store and a catalog, and the names of what is published in them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store, self.catalog = folder, MemoryStore(), MemoryCatalog()
        self.names: dict[str, str] = {}

    def publish(self, *contents: str) -> None:
        for content in contents:
            done = publish_bundle(bundle(self.folder, content=content), self.store, self.catalog, SETTINGS)
            self.names[done.revision] = content

    def back(self, content: str | None = None) -> str:
        revision = next((name for name, given in self.names.items() if given == content), None)
        return self.names[rollback(self.store, self.catalog, CHAIR, SETTINGS, revision=revision).revision]

    @property
    def current(self) -> str:
        pointer = look(self.store, CHAIR).pointer
        assert pointer
        return self.names[pointer.revision]

    def whole(self) -> bool:
        objects = {stat.key: found.body for stat in self.store.list("") if (found := self.store.read(stat.key))}
        return not findings(objects, catalogued(self.catalog)) + disagreements(objects, catalogued(self.catalog))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    assert made.whole()


def test_each_rollback_goes_one_further_back(shop: Shop) -> None:
    """It does not lead back to what was just left."""
    shop.publish("a", "b", "c")
    assert [shop.back(), shop.back()] == ["b", "a"]
    with pytest.raises(UsageError, match="no revision before") as caught:
        shop.back()
    assert caught.value.code == "E_NO_EARLIER"


def test_after_a_rollback_and_a_publish_the_one_that_was_left_stays_left(shop: Shop) -> None:
    """`c` was bad; whoever rolls `d` back wants `b`."""
    shop.publish("a", "b", "c")
    shop.back()
    shop.publish("d")
    assert [shop.back(), shop.back()] == ["b", "a"]


def test_what_was_left_can_be_named(shop: Shop) -> None:
    """The history has it; it goes on top, and a rollback from it leads to what was current before it was named."""
    shop.publish("a", "b", "c")
    shop.back("a")
    assert shop.current == "a"
    assert shop.back("c") == "c"
    assert shop.catalog.get("furniture", "chair").status == "rolled_back"  # type: ignore[union-attr]
    shop.publish("b")
    assert shop.catalog.get("furniture", "chair").status == "live"  # type: ignore[union-attr]
    assert shop.back() == "c"


def test_the_first_digits_of_a_revision_are_enough_when_they_are_one_s_alone(shop: Shop) -> None:
    """None and several are refused, with what there is."""
    shop.publish("a", "b")
    first = next(name for name, content in shop.names.items() if content == "a")
    for wrong in ("", "zz"):
        with pytest.raises(UsageError, match="revision") as caught:
            rollback(shop.store, shop.catalog, CHAIR, SETTINGS, revision=wrong)
        assert first in caught.value.hint
    assert rollback(shop.store, shop.catalog, CHAIR, SETTINGS, revision=first[:6]).revision == first


def test_a_rollback_is_a_move_of_its_own_to_caches(shop: Shop) -> None:
    """Back and forth between two revisions no mark is given twice: an old one would be an invalidation that is done."""
    marks = []
    shop.publish("a", "b")
    for content in ("a", "b", "a"):
        revision = next(name for name, given in shop.names.items() if given == content)
        done = rollback(shop.store, shop.catalog, CHAIR, SETTINGS, revision=revision)
        assert CHAIR.pointer in done.mutable_keys
        announce(shop.catalog, [done])
        marks.append(done.mark)
    assert len(set(marks)) == 3


def test_only_pointer_and_index_are_written(shop: Shop) -> None:
    """What is named was there before."""
    shop.publish("a", "b")
    counting = FaultyStore(shop.store, [])
    rollback(counting, shop.catalog, CHAIR, SETTINGS)
    writes = [call for call in counting.log if call.split()[0] in ("put", "replace", "delete")]
    assert writes == ["replace furniture/manifest/chair.json", "replace furniture/manifest/index.json"]


def test_to_what_is_current_nothing_is_done(shop: Shop) -> None:
    """And it says so."""
    shop.publish("a")
    done = rollback(shop.store, shop.catalog, CHAIR, SETTINGS, revision=next(iter(shop.names)))
    assert (done.changed, done.sent, done.sequence) == (False, 0, 1)


def test_a_rehearsal_names_the_revision_and_writes_nothing(shop: Shop) -> None:
    """Neither pointer nor catalog."""
    shop.publish("a", "b")
    counting = FaultyStore(shop.store, [])
    done = rollback(counting, shop.catalog, CHAIR, SETTINGS, dry_run=True)
    assert (shop.names[done.revision], done.changed, done.sequence) == ("a", True, 3)
    assert {call.split()[0] for call in counting.log} <= {"read", "stat", "list"}
    assert shop.current == "b"


def test_a_revision_of_which_something_is_missing_is_refused(shop: Shop) -> None:
    """By the name of what is missing; what is current stays."""
    shop.publish("a", "b")
    first = next(name for name, content in shop.names.items() if content == "a")
    lost = next(stat for stat in shop.store.list("furniture/high/") if digest(b"chair high a" * 50)[:16] in stat.key)
    shop.store.delete(lost.key, lost.version)
    with pytest.raises(SourceError, match=lost.key) as caught:
        rollback(shop.store, shop.catalog, CHAIR, SETTINGS, revision=first)
    assert caught.value.code == "E_REVISION_INCOMPLETE"
    assert shop.current == "b"
    shop.publish("a")  # the cure that the hint names


def test_an_asset_that_is_not_published_is_refused(tmp_path: Path) -> None:
    """As what the user typed."""
    with pytest.raises(UsageError) as caught:
        rollback(MemoryStore(), MemoryCatalog(), CHAIR, SETTINGS)
    assert caught.value.code == "E_NOT_PUBLISHED"


def test_a_rollback_to_the_one_before_is_refused_when_somebody_publishes_meanwhile(shop: Shop) -> None:
    """ "The one before" is another one then; a rollback to a named revision goes on."""
    shop.publish("a", "b")

    class Overtaken(MemoryStore):
        url = "memory:"

        def __init__(self) -> None:
            self.done = False

        def replace(self, item: Item, expected: str | None) -> str:
            if not self.done and item.key == CHAIR.pointer:
                self.done = True
                shop.publish("c")
            return shop.store.replace(item, expected)

        def __getattribute__(self, name: str) -> object:
            own = ("replace", "done", "__class__")
            return object.__getattribute__(self, name) if name in own else getattr(shop.store, name)

    with pytest.raises(Moved) as caught:
        rollback(Overtaken(), shop.catalog, CHAIR, SETTINGS)
    assert isinstance(caught.value, AssetpipeError)
    assert shop.current == "c"
    first = next(name for name, content in shop.names.items() if content == "a")
    assert rollback(Overtaken(), shop.catalog, CHAIR, SETTINGS, revision=first).revision == first


def test_revisions_are_told_latest_first(shop: Shop) -> None:
    """By when each was first published."""
    shop.publish("a", "b", "c", "a")
    assert [shop.names[name] for name in revisions(shop.store, CHAIR)] == ["c", "b", "a"]
