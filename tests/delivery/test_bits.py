"""A thousand flipped bits, on the way in and at rest: each is found, and nobody is given a damaged body (P3)."""

from __future__ import annotations

import random
from pathlib import Path

from assetpipe.delivery.folder import FolderStore
from assetpipe.errors import AssetpipeError
from tests.delivery.conformance import item, outcome
from tests.delivery.faults import Fault, FaultyStore, flipped

KEY, BODY = "furniture/high/chair.0123456789abcdef.glb", random.Random(1).randbytes(5_000)
BITS = random.Random(2).sample(range(8 * len(BODY)), 1_000)


def code(result: object) -> str:
    return result.code if isinstance(result, AssetpipeError) else repr(result)


def test_a_bit_that_flips_on_the_way_in_is_found(tmp_path: Path) -> None:
    """Between the hash and the disk, whichever it is: refused, and nothing is made."""
    store = FolderStore(tmp_path)
    sent = item(KEY, BODY)
    codes = {code(outcome(lambda bit=bit: FaultyStore(store, [Fault(1, "flip", bit=bit)]).put(sent))) for bit in BITS}
    assert codes == {"E_STORE_BODY"}
    assert list(store.list("")) == []


def test_a_bit_that_flips_at_rest_is_found(tmp_path: Path) -> None:
    """Whichever it is; and once it is as it was, nothing is said."""
    store = FolderStore(tmp_path)
    store.put(item(KEY, BODY))
    for bit in BITS:
        _overwrite(tmp_path / KEY, flipped(BODY, bit))
        assert code(outcome(lambda: store.read(KEY))) == "E_STORE_CORRUPT"
    _overwrite(tmp_path / KEY, BODY)
    found = store.read(KEY)
    assert found is not None
    assert found.body == BODY


def test_a_file_that_lost_its_end_or_gained_one_is_found(tmp_path: Path) -> None:
    """Also when nothing is left of it."""
    store = FolderStore(tmp_path)
    store.put(item(KEY, BODY))
    for body in (b"", BODY[:-1], BODY + b"\0", BODY[1:], BODY[::-1]):
        (tmp_path / KEY).write_bytes(body)
        assert code(outcome(lambda: store.read(KEY))) == "E_STORE_CORRUPT"


def _overwrite(path: Path, body: bytes) -> None:
    """In place, as a disk would: the file stays, with its record."""
    with path.open("r+b") as file:
        file.write(body)
