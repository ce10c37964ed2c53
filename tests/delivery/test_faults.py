"""The faulty store does what its plan says, or tests that lean on it would prove nothing."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.memory import MemoryStore
from assetpipe.errors import SourceError, TryAgain
from tests.delivery.children import run
from tests.delivery.conformance import item
from tests.delivery.faults import Fault, FaultyStore, flipped

KEY = "furniture/high/chair.0123456789abcdef.glb"


@pytest.mark.parametrize(("what", "done"), [("raise before", False), ("raise after", True)])
def test_a_call_fails_before_or_after_it_was_done(what: str, done: bool) -> None:
    """At the call that the plan names, once; the log has all."""
    real = MemoryStore()
    store = FaultyStore(real, [Fault(2, what)])  # type: ignore[arg-type]
    assert store.stat(KEY) is None
    with pytest.raises(TryAgain):
        store.put(item(KEY, b"x"))
    assert (real.stat(KEY) is not None) is done
    assert store.put(item(KEY, b"x")) is not done
    assert store.log == (f"stat {KEY}", f"put {KEY}", f"put {KEY}")
    assert store.calls == 3


def test_a_lasting_fault_stays() -> None:
    """A service that is down is down for the next call too."""
    store = FaultyStore(MemoryStore(), [Fault(2, "raise before", lasting=True)])
    assert store.put(item(KEY, b"x"))
    for _ in range(3):
        with pytest.raises(TryAgain):
            store.read(KEY)
    with pytest.raises(TryAgain):
        list(store.list(""))


@pytest.mark.parametrize(("what", "done"), [("kill before", False), ("kill after", True)])
def test_a_process_is_killed_before_or_after_a_call(tmp_path: Path, what: str, done: bool) -> None:
    """By SIGKILL: nothing of it runs on."""
    real = FolderStore(tmp_path / "store")
    store = FaultyStore(real, [Fault(1, what)])  # type: ignore[arg-type]
    assert run(lambda: store.put(item(KEY, b"x"))) == -signal.SIGKILL
    assert (real.stat(KEY) is not None) is done


def test_damage_on_the_way_in_is_refused_and_on_the_way_out_is_not_hidden() -> None:
    """One bit that flips, a body that ends early: the store must see the first, its reader the second."""
    for fault in (Fault(1, "flip", bit=9), Fault(1, "truncate")):
        real = MemoryStore()
        with pytest.raises(SourceError) as caught:
            FaultyStore(real, [fault]).put(item(KEY, b"glTF"))
        assert caught.value.code == "E_STORE_BODY"
        real.put(item(KEY, b"glTF"))
        found = FaultyStore(real, [fault]).read(KEY)
        assert found is not None
        assert found.body == (b"gnTF" if fault.what == "flip" else b"gl")


def test_a_bit_flips_and_nothing_else() -> None:
    """Whichever is named, round and round."""
    assert flipped(b"\x00\x00", 17) == flipped(b"\x00\x00", 1) == b"\x02\x00"
    assert flipped(b"", 3) == b""
