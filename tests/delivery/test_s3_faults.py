"""What goes wrong between us and S3: a fault that passes is invisible, one that stays has a name, and none is a lie."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from assetpipe.delivery.client import Patience
from assetpipe.delivery.s3 import S3Store
from assetpipe.delivery.store import Item
from assetpipe.errors import AssetpipeError, SourceError, TryAgain
from tests.delivery import buckets
from tests.delivery.buckets import KEY, PART
from tests.delivery.conformance import item, together
from tests.delivery.loopback import Plan, Proxy, Request, What, fine
from tests.delivery.servers import Server

POINTER = "furniture/manifest/chair.json"
HASTY, STEADY = Patience(connect=1.0, read=1.0, tries=2), Patience(connect=1.5, read=1.5, tries=3)
"""A busy machine may itself miss a second: where a fault must be survived there is a try left for that."""
PASSING: tuple[What, ...] = ("429", "500", "503", "reset", "lost", "stall", "flip")
STAYING: dict[What, str] = {
    "429": "E_STORE_BUSY",
    "500": "E_STORE_BUSY",
    "503": "E_STORE_BUSY",
    "reset": "E_STORE_SILENT",
    "lost": "E_STORE_SILENT",
    "stall": "E_STORE_SILENT",
}


@pytest.fixture
def proxy(ministack: Server) -> Iterator[Proxy]:
    with Proxy(ministack.url) as proxy:
        yield proxy


@pytest.fixture
def store(ministack: Server, proxy: Proxy) -> S3Store:
    return S3Store.open(f"s3://{ministack.bucket()}/models", settings(proxy.url), STEADY)


settings = partial(buckets.settings, threads=2)


def at(number: int, what: What) -> Plan:
    return lambda request: what if request.number == number else None


def always(what: What) -> Plan:
    return lambda _: what


def use(store: S3Store, run: str) -> None:
    """Every promise once, each with what it must give."""
    payload = item(f"furniture/high/chair-{run}.glb", f"glTF {run}".encode())
    pointer = item(f"furniture/manifest/chair-{run}.json", b"{}")
    assert store.put(payload) is True
    assert store.put(payload) is False
    first = store.replace(pointer, None)
    second = store.replace(item(pointer.key, b'{"revision": 2}'), first)
    found, stat = store.read(pointer.key), store.stat(payload.key)
    assert found is not None
    assert stat is not None
    assert found.body == b'{"revision": 2}'
    assert found.stat.version == second
    assert [each.key for each in store.list(f"furniture/manifest/chair-{run}")] == [pointer.key]
    assert store.delete(payload.key, stat.version) is True
    assert store.stat(payload.key) is None


def test_one_fault_that_passes_is_invisible(ministack: Server) -> None:
    """Of whatever kind, at whatever request: nothing is lost, and nothing is said to be another's."""
    url = f"s3://{ministack.bucket()}/models"

    def everywhere(what: What) -> int:
        with Proxy(ministack.url) as proxy:
            store = S3Store.open(url, settings(proxy.url), STEADY)
            for number in itertools.count(1):
                proxy.requests.clear()
                proxy.plan = at(number, what)
                use(store, f"{PASSING.index(what)}-{number}")
                if len(proxy.requests) < number:
                    return number - 1
        raise AssertionError("count has no end")

    requests = together(*(partial(everywhere, what) for what in PASSING))
    assert all(11 <= each <= 22 for each in requests), "eleven, and what a slow server is asked again"


@pytest.mark.parametrize("what", STAYING)
def test_a_fault_that_stays_has_a_name(store: S3Store, proxy: Proxy, what: What) -> None:
    """Whatever was asked for, the error is ours, may be tried again, and comes in time."""
    version = store.replace(item(POINTER, b"{}"), None)
    store = S3Store.open(store.url, settings(proxy.url), HASTY)
    proxy.plan = always(what)
    began = time.monotonic()
    failed = together(
        lambda: store.put(item(KEY, b"glTF")),
        lambda: store.replace(item(POINTER, b"[]"), version),
        lambda: store.read(POINTER),
        lambda: store.stat(POINTER),
        lambda: list(store.list("")),
        lambda: store.delete(POINTER, version),
        lambda: store.sweep(0),
    )
    assert time.monotonic() - began < HASTY.longest + 100, "botocore alone would try for five minutes"
    assert [(type(error), getattr(error, "code", error)) for error in failed] == [(TryAgain, STAYING[what])] * 7


@pytest.mark.parametrize("body", [b"glTF" * 1000, bytes(2 * PART)], ids=["whole", "in parts"])
def test_a_bit_that_flips_on_every_way_is_never_published(store: S3Store, proxy: Proxy, body: bytes) -> None:
    """The service refuses what is not what we hashed; nothing appears, and the error says what is wrong."""
    proxy.plan = lambda request: "flip" if request.body_bytes > 1000 else None
    with pytest.raises(TryAgain) as failed:
        store.put(item(KEY, body))
    proxy.plan = fine
    assert failed.value.code == "E_STORE_DAMAGED"
    assert store.stat(KEY) is None


@pytest.mark.real_s3
def test_a_real_server_sees_the_flip_too(ceph: Server) -> None:
    """Ceph does not look at the checksum in the header, but at the signature, which is over the body's sha256."""
    with Proxy(ceph.url) as proxy:
        store = S3Store.open(f"s3://{ceph.bucket()}", settings(proxy.url), STEADY)
        proxy.plan = lambda request: "flip" if request.body_bytes > 1000 else None
        with pytest.raises(AssetpipeError):
            store.put(item(KEY, b"glTF" * 1000))
        proxy.plan = fine
        assert store.stat(KEY) is None


@pytest.mark.parametrize("what", ["flip answer", "truncate answer"])
def test_what_breaks_on_the_way_back_is_read_again(store: S3Store, proxy: Proxy, what: What) -> None:
    """Once is invisible; every time is an error and never wrong bytes."""
    body = os.urandom(200_000)
    store.put(item(KEY, body))
    proxy.requests.clear()
    proxy.plan = at(1, what)
    found = store.read(KEY)
    assert found is not None
    assert found.body == body
    proxy.plan = always(what)
    with pytest.raises((SourceError, TryAgain)) as failed:
        store.read(KEY)
    assert failed.value.code in ("E_STORE_CORRUPT", "E_STORE_SILENT")


def test_a_slow_line_is_no_fault(ministack: Server) -> None:
    """The timeouts are for silence: a body may take longer than they are, as long as it moves."""
    with Proxy(ministack.url, lambda request: "slow" if request.body_bytes else None) as proxy:
        roomy = settings(proxy.url).model_copy(update={"part_mb": 24})
        store = S3Store.open(f"s3://{ministack.bucket()}", roomy, Patience(4.0, 4.0, tries=1))
        began = time.monotonic()
        assert store.put(item(KEY, os.urandom(21_000_000))) is True
        assert time.monotonic() - began > 5


def test_a_large_one_survives_every_kind_of_fault(store: S3Store, proxy: Proxy) -> None:
    """Each part meets another fault, and so do the beginning and the end."""
    whats = itertools.cycle(PASSING)
    seen: set[str] = set()

    def plan(request: Request) -> What | None:
        if request.path in seen or request.method == "HEAD":
            return None
        seen.add(request.path)
        return next(whats)

    body = os.urandom(6 * PART)
    proxy.plan = plan
    assert store.put(item(KEY, body)) is True
    proxy.plan = fine
    found = store.read(KEY)
    assert found is not None
    assert found.body == body


SENDER = """
import sys
from pathlib import Path
from assetpipe.config import load_config
from assetpipe.delivery.s3 import S3Store
from assetpipe.delivery.store import Item
url, endpoint, key, sha256, body = sys.argv[1:]
settings = load_config().publish.model_copy(update={"endpoint_url": endpoint, "part_mb": 5, "threads": 1})
S3Store.open(url, settings).put(Item(key, Path(body), sha256, "model/gltf-binary", "no-store"))
"""


def test_a_writer_that_is_killed_is_gone_on_with(ministack: Server, tmp_path: Path) -> None:
    """kill -9 amid the fourth of six parts: nothing is to be seen, and the next writer sends only what is missing."""
    body = os.urandom(6 * PART)
    (tmp_path / "body").write_bytes(body)
    digest, url = hashlib.sha256(body).hexdigest(), f"s3://{ministack.bucket()}"
    key, amid = f"furniture/high/chair.{digest[:16]}.glb", threading.Event()

    def plan(request: Request) -> What | None:
        if "partNumber=4" not in request.path:
            return None
        amid.set()
        return "stall"

    with Proxy(ministack.url, plan) as proxy:
        arguments = [url, proxy.url, key, digest, str(tmp_path / "body")]
        process = subprocess.Popen([sys.executable, "-c", SENDER, *arguments], env={**os.environ})
        try:
            while not amid.wait(0.1):
                assert process.poll() is None
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(120)
    with Proxy(ministack.url) as proxy:
        store = S3Store.open(url, settings(proxy.url))
        assert store.stat(key) is None
        assert store.put(Item(key, tmp_path / "body", digest, "model/gltf-binary", "no-store")) is True
        assert sorted(request.path[-1] for request in proxy.requests if request.is_part) == ["4", "5", "6"]
        found = store.read(key)
    assert found is not None
    assert found.body == body
