"""The same publish on S3 and DynamoDB: what is sent, what two at once leave, rollback, verify and gc."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assetpipe.delivery.dynamodb import DynamoCatalog, create_table
from assetpipe.delivery.garbage import DAY, gc
from assetpipe.delivery.index import write_index
from assetpipe.delivery.keys import Keys
from assetpipe.delivery.publish import Published, announce, publish_bundle, publish_bundles
from assetpipe.delivery.rollback import revisions, rollback
from assetpipe.delivery.s3 import S3Store
from assetpipe.delivery.verify import verify
from tests.delivery.bundles import SETTINGS, bundle
from tests.delivery.fsck import disagreements, findings
from tests.delivery.servers import Server, ministack, moto, of_nobody  # noqa: F401  fixtures
from tests.delivery.worlds import catalogued, rounds

# Moto undoes other writers' work (see test_catalogs), and takes three times as long for every request; what a store
# answers is asked of both in the conformance suite.
ONE = pytest.mark.parametrize("cloud", ["ministack"], indirect=True)
CHAIR = Keys("furniture", "chair")


@dataclass(frozen=True)
class Cloud:
    server: Server
    bucket: str
    table: str
    store: S3Store
    catalog: DynamoCatalog

    def again(self) -> tuple[S3Store, DynamoCatalog]:
        """As another process would open them."""
        return open_store(self.server, self.bucket), DynamoCatalog(self.server.client("dynamodb"), self.table)

    def objects(self) -> dict[str, bytes]:
        client = self.server.client()
        listed = client.list_objects_v2(Bucket=self.bucket, Prefix="models/").get("Contents", [])
        bodies = {one["Key"]: client.get_object(Bucket=self.bucket, Key=one["Key"])["Body"].read() for one in listed}
        return {key.removeprefix("models/"): body for key, body in bodies.items()}

    def faults(self) -> list[str]:
        objects, said = self.objects(), catalogued(self.catalog)
        return findings(objects, said) + disagreements(objects, said)


def open_store(server: Server, bucket: str) -> S3Store:
    settings = SETTINGS.model_copy(update={"endpoint_url": server.url, "region": "us-east-1"})
    return S3Store.open(f"s3://{bucket}/models", settings)


@pytest.fixture(params=["moto", "ministack"])
def cloud(request: pytest.FixtureRequest) -> Cloud:
    server: Server = request.getfixturevalue(request.param)
    bucket, table = server.bucket(), f"catalog-{uuid.uuid4().hex[:8]}"
    create_table(server.client("dynamodb"), table)
    catalog = DynamoCatalog(server.client("dynamodb"), table)
    return Cloud(server, bucket, table, open_store(server, bucket), catalog)


def watched(cloud: Cloud) -> list[str]:
    """Every request from now on, by operation."""
    seen: list[str] = []

    def note(model: Any, **_: Any) -> None:
        seen.append(model.name)

    for client in (cloud.store.client, cloud.catalog.client):
        client.meta.events.register("before-call", note)
    return seen


def test_publishing_again_sends_no_body_and_writes_nothing(cloud: Cloud, tmp_path: Path) -> None:
    """P2, counted at the wire: heads and gets of small documents alone."""
    announce(cloud.catalog, [publish_bundle(bundle(tmp_path), cloud.store, cloud.catalog, SETTINGS)])
    seen = watched(cloud)
    again = publish_bundle(bundle(tmp_path), cloud.store, cloud.catalog, SETTINGS)
    assert (again.sent, again.sent_bytes, again.mutable_keys) == (0, 0, ())
    assert set(seen) <= {"HeadObject", "GetObject", "ListObjectsV2", "GetItem", "Query"}
    assert seen.count("GetObject") <= 2
    assert cloud.faults() == []


def test_a_first_publish_of_many_asks_six_requests_for_each(cloud: Cloud, tmp_path: Path) -> None:
    """Counted at the wire: as many as a tool that copies the same objects, and a few for all. What was listed is what
    would have been answered: the catalog says what the store says, to the second."""
    given, seen = [bundle(tmp_path, f"a{n}") for n in range(8)], watched(cloud)
    outcomes = publish_bundles(given, cloud.store, cloud.catalog, SETTINGS)
    assert all(isinstance(one, Published) for one in outcomes)
    pages = -(-len(given) // SETTINGS.index_entries)
    assert seen.count("PutObject") == 6 * len(given) + pages
    assert seen.count("GetObject") == 0
    assert sum(seen.count(name) for name in ("HeadObject", "ListObjectsV2")) <= 4
    assert verify(cloud.store, cloud.catalog, SETTINGS).faults == ()


@ONE
def test_a_whole_life_on_a_bucket(cloud: Cloud, tmp_path: Path) -> None:
    """Published, replaced, rolled back, verified, collected: nothing that is named is ever missing."""
    for content in ("one", "two", "three"):
        publish_bundle(bundle(tmp_path, content=content), cloud.store, cloud.catalog, SETTINGS)
    publish_bundle(bundle(tmp_path, "lamp"), cloud.store, cloud.catalog, SETTINGS)
    back = rollback(cloud.store, cloud.catalog, CHAIR, SETTINGS)
    assert json.loads(cloud.objects()[CHAIR.pointer])["publication"]["revision"] == back.revision
    assert verify(cloud.store, cloud.catalog, SETTINGS).faults == ()
    assert len(gc(cloud.store, cloud.catalog, 30).marked) == 8
    assert len(gc(cloud.store, cloud.catalog, 30, now=lambda: time.time() + 31 * DAY).deleted) == 8
    assert revisions(cloud.store, CHAIR) == [back.revision]
    assert verify(cloud.store, cloud.catalog, SETTINGS).faults == ()
    publish_bundle(bundle(tmp_path, content="three"), cloud.store, cloud.catalog, SETTINGS)
    assert cloud.faults() == []


@ONE
def test_of_publishers_at_once_none_is_lost(cloud: Cloud, tmp_path: Path) -> None:
    """Each with clients of its own: every revision in the history, every move counted, every line in the index."""
    count = rounds(4, 8)

    def publish(n: int) -> None:
        store, catalog = cloud.again()
        for turn in range(rounds(2, 25)):
            publish_bundle(bundle(tmp_path, content=f"{n}-{turn}"), store, catalog, SETTINGS)
        publish_bundle(bundle(tmp_path, f"own-{n}"), store, catalog, SETTINGS)

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(publish, range(count)))
    entry = cloud.catalog.get("furniture", "chair")
    assert entry
    assert entry.sequence == len(revisions(cloud.store, CHAIR)) == count * rounds(2, 25)
    assert cloud.faults() == []


def harm(cloud: Cloud, key: str, how: Callable[[bytes], bytes]) -> None:
    """Behind the store's back, with the metadata that it had."""
    client, full = cloud.server.client(), f"models/{key}"
    found = client.get_object(Bucket=cloud.bucket, Key=full)
    client.put_object(Bucket=cloud.bucket, Key=full, Body=how(found["Body"].read()), Metadata=found["Metadata"])


@ONE
def test_verify_finds_what_became_of_objects_in_a_bucket(cloud: Cloud, tmp_path: Path) -> None:
    """Flipped, cut, replaced by another, gone, and a catalog that was not told."""
    outcomes = publish_bundles([bundle(tmp_path, f"a{n}") for n in range(5)], cloud.store, cloud.catalog, SETTINGS)
    assert all(isinstance(one, Published) for one in outcomes)
    keys = [next(stat.key for stat in cloud.store.list(f"furniture/high/a{n}.")) for n in range(5)]
    client = cloud.server.client()
    harm(cloud, keys[0], lambda body: bytes([body[0] ^ 1]) + body[1:])
    harm(cloud, keys[1], lambda body: body[:-7])
    client.copy_object(
        Bucket=cloud.bucket, Key=f"models/{keys[2]}", CopySource={"Bucket": cloud.bucket, "Key": f"models/{keys[4]}"}
    )
    client.delete_object(Bucket=cloud.bucket, Key=f"models/{keys[3]}")
    cloud.catalog.forget("furniture", "a4")
    faults = verify(cloud.store, cloud.catalog, SETTINGS, mend=True).faults
    assert {(fault.kind, fault.key) for fault in faults} == {
        ("corrupt", keys[0]), ("truncated", keys[1]), ("swapped", keys[2]), ("missing", keys[3]),
        ("stale", Keys("furniture", "a4").pointer),
    }  # fmt: skip
    assert len(verify(cloud.store, cloud.catalog, SETTINGS).faults) == 4
    assert write_index(cloud.store, cloud.catalog, "furniture", SETTINGS.index_entries).changed == ()
