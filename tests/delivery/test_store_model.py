"""Any sequence of calls, on two stores that share a place, beside a dictionary that says what must come of it (P25)."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from assetpipe.delivery.dry_run import DryRunStore
from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.store import Moved, Store
from assetpipe.errors import SourceError
from tests.delivery.conformance import item

LONG = bool(os.environ.get("ASSETPIPE_LONG"))
ONCE = ("a/b", "a-b/c", "a.b", "ab/c/d")
MOVING = ("a/m.json", "a0.json", "b/m/index-1.json")
KEYS = st.sampled_from((*ONCE, *MOVING))
BODIES = st.binary(max_size=3)


class Model(RuleBasedStateMachine):
    kind = ""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.stores = _two(self.kind, self.folder)
        self.bodies: dict[str, bytes] = {}
        self.versions: dict[str, str] = {}
        self.dead: list[tuple[str, str]] = []

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(which=st.booleans(), key=st.sampled_from(ONCE), body=BODIES)
    def put(self, which: bool, key: str, body: bytes) -> None:
        there = self.bodies.get(key)
        if there not in (None, body):
            with pytest.raises(SourceError, match="another content"):
                self.stores[which].put(item(key, body))
            return
        assert self.stores[which].put(item(key, body)) is (there is None)
        self._is_now(which, key, body)

    @rule(which=st.booleans(), key=st.sampled_from(MOVING), body=BODIES)
    def move(self, which: bool, key: str, body: bytes) -> None:
        version = self.stores[which].replace(item(key, body), self.versions.get(key))
        self._is_now(which, key, body)
        assert self.versions[key] == version

    @rule(which=st.booleans(), key=st.sampled_from(MOVING), body=BODIES, pick=st.integers(0, 99))
    def move_from_another_version(self, which: bool, key: str, body: bytes, pick: int) -> None:
        others = [version for at, version in self.dead if at == key and version != self.versions.get(key)]
        expected = others[pick % len(others)] if others else "never" if key not in self.versions else None
        with pytest.raises(Moved):
            self.stores[which].replace(item(key, body), expected)

    @rule(which=st.booleans(), key=KEYS, body=BODIES)
    def send_what_is_not_promised(self, which: bool, key: str, body: bytes) -> None:
        wrong = item(key, body, sha256=hashlib.sha256(body + b"more").hexdigest())
        store = self.stores[which]
        with pytest.raises(SourceError):
            store.put(wrong) if key in ONCE else store.replace(wrong, self.versions.get(key))

    @rule(which=st.booleans(), key=KEYS)
    def delete(self, which: bool, key: str) -> None:
        version = self.versions.pop(key, "never")
        assert self.stores[which].delete(key, version) is (self.bodies.pop(key, None) is not None)

    @rule(which=st.booleans(), key=KEYS)
    def delete_another_version(self, which: bool, key: str) -> None:
        for at, version in self.dead:
            if at == key and version != self.versions.get(key):
                assert self.stores[which].delete(key, version) is False

    @rule(which=st.booleans())
    def sweep(self, which: bool) -> None:
        assert self.stores[which].sweep(0) == 0

    @rule(which=st.booleans(), prefix=st.sampled_from(("", "a", "a/", "a-", "b/m/", "c")))
    def listing(self, which: bool, prefix: str) -> None:
        listed = [(stat.key, stat.bytes, stat.version) for stat in self.stores[which].list(prefix)]
        expected = sorted(key for key in self.bodies if key.startswith(prefix))
        assert listed == [(key, len(self.bodies[key]), self.versions[key]) for key in expected]

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        for store in getattr(self, "stores", ()):
            for key in (*ONCE, *MOVING):
                found = store.read(key)
                assert (found.body if found else None) == self.bodies.get(key)
                assert (found.stat.version if found else None) == self.versions.get(key)
                assert store.stat(key) == (found.stat if found else None)

    def _is_now(self, which: bool, key: str, body: bytes) -> None:
        stat = self.stores[which].stat(key)
        assert stat is not None
        self.bodies[key], self.versions[key] = body, stat.version
        self.dead.append((key, stat.version))


def _two(kind: str, folder: Path) -> tuple[Store, Store]:
    if kind == "folder":
        return FolderStore(folder / "store"), FolderStore(folder / "store")
    store: Store = MemoryStore() if kind == "memory" else DryRunStore(FolderStore(folder / "store"))
    return store, store


@pytest.mark.parametrize("kind", ["memory", "folder", "dry-run"])
def test_a_store_does_what_a_dictionary_would(kind: str) -> None:
    """Whatever is called, in whatever order, from whichever of the two."""
    machine = type("Machine", (Model,), {"kind": kind})
    count, steps = (200, 200) if LONG else (10, 30)
    with mock.patch("os.fsync"):
        run_state_machine_as_test(
            machine, settings=settings(max_examples=count, stateful_step_count=steps, deadline=None, derandomize=True)
        )
