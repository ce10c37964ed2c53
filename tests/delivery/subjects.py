"""The stores that the promises are asked of: those of this machine, and those on servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assetpipe.delivery.store import Store
from tests.delivery import servers
from tests.delivery.conformance import LOCAL, Entry, Subject

KEY, POINTER = "furniture/high/chair.0123456789abcdef.glb", "furniture/manifest/chair.json"
ENTRIES: tuple[Entry, ...] = (*LOCAL, *servers.ENTRIES)


@pytest.fixture(params=[pytest.param(entry, id=entry.name, marks=entry.marks) for entry in ENTRIES])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    with request.param.open(request, tmp_path) as opened:
        yield opened


@pytest.fixture
def store(subject: Subject) -> Store:
    return subject.store


def keys(store: Store, prefix: str = "") -> list[str]:
    return [stat.key for stat in store.list(prefix)]


def body_of(store: Store, key: str) -> bytes:
    found = store.read(key)
    assert found is not None
    return found.body


def version_of(store: Store, key: str) -> str:
    stat = store.stat(key)
    assert stat is not None
    return stat.version
