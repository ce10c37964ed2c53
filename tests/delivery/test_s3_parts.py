"""Large bodies go to S3 in parts: whole or not at all, and never twice."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from assetpipe.delivery.client import Patience
from assetpipe.delivery.multipart import MOST_PARTS, part_length
from assetpipe.delivery.s3 import S3Store
from assetpipe.errors import SourceError, TryAgain
from tests.delivery.buckets import KEY, PART, key_of, noise, opened, settings, uploads
from tests.delivery.conformance import item, together
from tests.delivery.loopback import Proxy, fine
from tests.delivery.servers import Server


def test_a_large_body_goes_in_parts(server: Server) -> None:
    """Parts, not one request; the object is whole, tiered and known by our sha256."""
    store, body = opened(server), noise(3 * PART + 17)
    assert store.put(item(KEY, body)) is True
    found = server.client().head_object(Bucket=store.bucket, Key=f"models/{KEY}")
    read = store.read(KEY)
    assert found["ETag"].strip('"').endswith("-4")
    assert found["Metadata"]["sha256"] == hashlib.sha256(body).hexdigest()
    assert found["StorageClass"] == "INTELLIGENT_TIERING"
    assert read is not None
    assert read.body == body
    assert uploads(server, store) == 0


def test_what_is_there_is_not_sent_again(strict: Server, proxy: Proxy) -> None:
    """The second time one question is asked, and no byte of body goes out."""
    store, sent = opened(strict, proxy.url), item(KEY, noise(2 * PART))
    store.put(sent)
    before = len(proxy.requests)
    assert store.put(sent) is False
    assert [(request.method, request.body_bytes) for request in proxy.requests[before:]] == [("HEAD", 0)]


def test_a_file_that_changed_never_appears(server: Server, tmp_path: Path) -> None:
    """What was sent of it is taken back: no object, no upload that costs money."""
    store, body = opened(server), noise(2 * PART + 1)
    file = tmp_path / "chair.glb"
    file.write_bytes(body[:-1] + b"!")
    with pytest.raises(SourceError) as refused:
        store.put(item(KEY, file, sha256=hashlib.sha256(body).hexdigest()))
    assert refused.value.code == "E_STORE_BODY"
    assert store.stat(KEY) is None
    assert uploads(server, store) == 0


def test_an_upload_that_broke_off_is_gone_on_with(strict: Server, proxy: Proxy) -> None:
    """Parts that had arrived are not sent again, and the object is the one that was meant."""
    body = noise(6 * PART)
    sent = item(key_of(body), body)
    store = S3Store.open(f"s3://{strict.bucket()}", settings(proxy.url, threads=1), Patience(30, 30, tries=1))
    proxy.plan = lambda request: "reset" if request.is_part and "partNumber=5" in request.path else None
    with pytest.raises(TryAgain):
        store.put(sent)
    assert uploads(strict, store) == 1
    before, proxy.plan = len(proxy.requests), fine
    assert store.put(sent) is True
    parts = [request.path for request in proxy.requests[before:] if request.is_part]
    assert len(parts) == 2
    read = store.read(sent.key)
    assert read is not None
    assert read.body == body
    assert uploads(strict, store) == 0


def test_parts_of_another_content_are_sent_again(strict: Server) -> None:
    """An unfinished upload of the same key whose parts are not ours is no reason to publish them."""
    store, body = opened(strict), noise(2 * PART)
    client, full = strict.client(), f"models/{key_of(body)}"
    begun = client.create_multipart_upload(Bucket=store.bucket, Key=full, Metadata={"sha256": item("a", body).sha256})
    client.upload_part(
        Bucket=store.bucket, Key=full, UploadId=begun["UploadId"], PartNumber=1, Body=noise(PART, seed=1)
    )
    assert store.put(item(key_of(body), body)) is True
    read = store.read(key_of(body))
    assert read is not None
    assert read.body == body


def test_of_many_who_send_parts_one_is_first(strict: Server) -> None:
    """Four large contents for one key at once: one is kept, whole, and the others are told whose it is. (moto lets all
    four complete.)"""
    stores = [opened(strict)]
    stores += [S3Store.open(stores[0].url, settings(strict.url)) for _ in range(3)]
    bodies = [noise(2 * PART, seed) for seed in range(4)]
    results = together(
        *(lambda s=s, b=b: s.put(item(KEY, b)) for s, b in zip(stores, bodies, strict=True))  # type: ignore[misc]
    )
    assert results.count(True) == 1
    assert {getattr(result, "code", "") for result in results} == {"", "E_STORE_TAKEN"}
    read = stores[0].read(KEY)
    assert read is not None
    assert read.body == bodies[results.index(True)]
    assert uploads(strict, stores[0]) == 0


def test_sweeping_ends_what_the_dead_have_left(server: Server) -> None:
    """Unfinished uploads under the prefix go; those of others stay, and a dry run only counts."""
    store, client = opened(server), server.client()
    client.create_multipart_upload(Bucket=store.bucket, Key=f"models/{KEY}")
    client.create_multipart_upload(Bucket=store.bucket, Key="models-of-others/chair.glb")
    assert store.sweep(-60, dry_run=True) == 1
    assert store.sweep(-60) == 1
    assert store.sweep(-60) == 0
    assert uploads(server, store) == 1


def test_no_object_has_more_parts_than_s3_allows() -> None:
    """Parts grow beyond `part_mb` where there would be more than 10,000."""
    size = 200 * 1024**3
    assert part_length(size, PART) > PART
    assert -(-size // part_length(size, PART)) <= MOST_PARTS
    assert part_length(PART, PART) == PART
