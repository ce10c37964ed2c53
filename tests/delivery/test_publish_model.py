"""Publishes, crashes, rollbacks and gcs in any order, beside a small model (P25)."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from assetpipe.bundle import Bundle
from assetpipe.delivery.catalog_memory import MemoryCatalog
from assetpipe.delivery.doomed import read_doomed
from assetpipe.delivery.garbage import DAY, gc
from assetpipe.delivery.keys import Keys
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.pointer import look
from assetpipe.delivery.publish import publish_bundle
from assetpipe.delivery.release import release_of
from assetpipe.delivery.rollback import revisions, rollback
from assetpipe.delivery.verify import verify
from assetpipe.errors import AssetpipeError, TryAgain, UsageError
from tests.delivery.bundles import SETTINGS, bundle
from tests.delivery.faults import Fault, FaultyStore
from tests.delivery.fsck import disagreements, findings
from tests.delivery.worlds import catalogued, rounds

ASSETS, CONTENTS, KEEP = ("chair", "lamp"), ("a", "b", "c", "d"), 10
SEQUENTIAL = SETTINGS.model_copy(update={"threads": 1})
BUNDLES: dict[tuple[str, str], Bundle] = {}
REVISION: dict[tuple[str, str], str] = {}

assets, contents = st.sampled_from(ASSETS), st.sampled_from(CONTENTS)


@dataclass
class Model:
    """What one asset should be: the revisions as a stack, current on top, and how long the others were not current."""

    stack: list[str] = field(default_factory=list)
    moves: int = 0
    unseen: dict[str, float | None] = field(default_factory=dict)
    """what is in the history but not current -> the day of the first gc that saw it so"""

    @property
    def current(self) -> str:
        return self.stack[0] if self.stack else ""

    def move(self, stack: list[str]) -> None:
        if self.stack:
            self.unseen[self.current] = None
        self.stack, self.moves = stack, self.moves + 1
        self.unseen.pop(self.current, None)

    def publish(self, revision: str) -> None:
        if revision != self.current:
            self.move([revision, *(one for one in self.stack if one != revision)])

    def collect(self, day: float) -> None:
        gone = [one for one, since in self.unseen.items() if since is not None and day - since >= KEEP]
        self.unseen = {one: day if since is None else since for one, since in self.unseen.items() if one not in gone}


class Shop(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.store, self.catalog = MemoryStore(), MemoryCatalog()
        self.models = {asset: Model() for asset in ASSETS}
        self.began, self.day, self.crashed = time.time(), 0.0, False

    @rule(asset=assets, content=contents)
    def publish(self, asset: str, content: str) -> None:
        publish_bundle(BUNDLES[asset, content], self.store, self.catalog, SEQUENTIAL)
        self.models[asset].publish(REVISION[asset, content])

    @rule(asset=assets, content=contents, call=st.integers(1, 14), after=st.booleans())
    def crash(self, asset: str, content: str, call: int, after: bool) -> None:
        """Whether it reached its goal is for the pointer to say; a history without one is nobody's revision yet."""
        self.crashed = True
        before = set(revisions(self.store, Keys("furniture", asset)))
        faulty = FaultyStore(self.store, [Fault(call, "raise after" if after else "raise before", lasting=True)])
        with suppress(TryAgain):
            publish_bundle(BUNDLES[asset, content], faulty, self.catalog, SEQUENTIAL)
        seen = look(self.store, Keys("furniture", asset)).pointer
        model, revision = self.models[asset], REVISION[asset, content]
        if seen and seen.revision == revision:
            model.publish(revision)
        elif revision in set(revisions(self.store, Keys("furniture", asset))) - before:
            model.unseen[revision] = None
        elif revision in model.unseen:
            # It may have claimed what it meant to send before it died: then its days begin again.
            marked = self.marks(asset)
            if model.unseen[revision] is not None and Keys("furniture", asset).history(revision) not in marked:
                model.unseen[revision] = None

    def marks(self, asset: str) -> set[str]:
        return set(read_doomed(self.store, Keys("furniture", asset)).marked)

    @rule(asset=assets)
    def back(self, asset: str) -> None:
        model, code = self.models[asset], ""
        try:
            rollback(self.store, self.catalog, Keys("furniture", asset), SEQUENTIAL)
        except AssetpipeError as error:
            code = error.code
        if len(model.stack) < 2:
            assert code == ("E_NO_EARLIER" if model.stack else "E_NOT_PUBLISHED")
        elif model.stack[1] not in model.unseen:
            assert code == "E_REVISION_INCOMPLETE"  # gc has taken it
        else:
            model.move(model.stack[1:])

    @rule(asset=assets, content=contents)
    @precondition(lambda self: any(model.stack for model in self.models.values()))
    def back_to(self, asset: str, content: str) -> None:
        model, revision = self.models[asset], REVISION[asset, content]
        known = {*model.unseen, *([model.current] if model.stack else [])}
        try:
            rollback(self.store, self.catalog, Keys("furniture", asset), SEQUENTIAL, revision=revision)
        except UsageError:
            assert not model.stack or revision not in known
        else:
            if revision != model.current:
                stack = model.stack
                model.move(stack[stack.index(revision) :] if revision in stack else [revision, *stack[1:]])

    @rule(days=st.sampled_from([0.5, 4.0, 11.0]))
    def collect(self, days: float) -> None:
        self.day += days
        gc(self.store, self.catalog, KEEP, threads=1, now=lambda: self.began + self.day * DAY)
        # Catalog and index keep what they name, which after a crash may be what was current before.
        if not self.crashed:
            for model in self.models.values():
                model.collect(self.day)
        else:
            self.finish()
            gc(self.store, self.catalog, KEEP, threads=1, now=lambda: self.began + self.day * DAY)
            for asset, model in self.models.items():
                held = set(revisions(self.store, Keys("furniture", asset)))
                model.unseen = {one: self.day if since is None else since for one, since in model.unseen.items()}
                model.unseen = {one: since for one, since in model.unseen.items() if one in held}

    def finish(self) -> None:
        """Whoever died is run again."""
        self.crashed = False
        for asset, model in self.models.items():
            for (name, content), revision in REVISION.items():
                if name == asset and revision == model.current:
                    publish_bundle(BUNDLES[name, content], self.store, self.catalog, SEQUENTIAL)

    @rule()
    def check(self) -> None:
        self.finish()
        assert verify(self.store, self.catalog, SEQUENTIAL).faults == ()
        objects = {stat.key: found.body for stat in self.store.list("") if (found := self.store.read(stat.key))}
        assert disagreements(objects, catalogued(self.catalog)) == []

    @invariant()
    def nobody_sees_anything_half(self) -> None:
        objects = {stat.key: found.body for stat in self.store.list("") if (found := self.store.read(stat.key))}
        assert findings(objects, catalogued(self.catalog)) == []

    @invariant()
    def pointers_and_history_are_as_the_model_says(self) -> None:
        for asset, model in self.models.items():
            keys = Keys("furniture", asset)
            pointer = look(self.store, keys).pointer
            assert ([pointer.revision, *pointer.earlier] if pointer else []) == model.stack
            assert (pointer.sequence if pointer else 0) == model.moves
            assert set(revisions(self.store, keys)) == {*model.unseen, *([model.current] if model.stack else [])}


def test_any_order_of_events_leaves_what_the_model_says(tmp_path: Path) -> None:
    """What is current, what came before, what the history still holds; nothing half is ever seen, verify is silent."""
    for names in [(asset, content) for asset in ASSETS for content in CONTENTS]:
        BUNDLES[names] = bundle(tmp_path, names[0], content=names[1])
        REVISION[names] = release_of(BUNDLES[names]).revision
    examples, steps = rounds(8, 200), rounds(25, 200)
    chosen = settings(max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True, database=None)
    run_state_machine_as_test(Shop, settings=settings(chosen, suppress_health_check=list(HealthCheck)))
