"""A second region: it follows, whole at any moment; when it fails the first does not, and it catches up."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

from assetpipe.config import Publish
from assetpipe.delivery.catalog_memory import MemoryCatalog
from assetpipe.delivery.keys import Keys
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.open_store import open_store
from assetpipe.delivery.replica import Replica
from assetpipe.delivery.store import Item, Store
from assetpipe.errors import ServiceUnavailable
from assetpipe.log import Event
from assetpipe.publishing import Run
from assetpipe.shelves import tend
from tests.commands import run
from tests.delivery.bundles import SETTINGS, bundle
from tests.delivery.fsck import findings
from tests.delivery.servers import Server
from tests.delivery.test_examine import EVERYTHING, RIGHTS, guarded_bucket, user
from tests.delivery.typed import lines
from tests.delivery.worlds import no_sync  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("no_sync")


class Failing(MemoryStore):
    """Takes `left` writes, then none."""

    left = 10_000

    def put(self, item: Item) -> bool:
        self._spend()
        return super().put(item)

    def replace(self, item: Item, expected: str | None) -> str:
        self._spend()
        return super().replace(item, expected)

    def _spend(self) -> None:
        if self.left <= 0:
            raise ServiceUnavailable("E_STORE_DOWN", "the other region is down", hint="wait")
        self.left -= 1


def seen(store: Store) -> dict[str, bytes]:
    found = {stat.key: store.read(stat.key) for stat in store.list("") if not stat.key.startswith("assetpipe.")}
    return {key: one.body for key, one in found.items() if one}


@dataclass
class Regions:
    first: Store
    settings: Publish
    other: Store
    said: list[str]

    def run(self, catalog: MemoryCatalog) -> Run:
        return Run(self.first, catalog, self.settings, report=self._hear)

    def _hear(self, event: Event) -> None:
        if event.asset == "replica":
            self.said.append(f"{event.kind}: {event.message}")


@pytest.fixture
def regions(ministack: Server) -> Regions:
    """Two buckets of MiniStack, in two regions."""
    names = [f"models-{region}-{uuid.uuid4().hex[:8]}" for region in ("eu-west-1", "us-west-2")]
    for name, region in zip(names, ("eu-west-1", "us-west-2"), strict=True):
        ministack.client().create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    here = {"endpoint_url": ministack.url, "region": "eu-west-1"}
    there = {"replica": f"s3://{names[1]}/eu", "replica_region": "us-west-2"}
    settings = SETTINGS.model_copy(update={**here, **there})
    other = open_store(settings.replica, settings.model_copy(update={"region": "us-west-2"}))
    return Regions(open_store(f"s3://{names[0]}/eu", settings), settings, other, [])


def test_the_other_region_shows_what_the_first_does(regions: Regions, tmp_path: Path) -> None:
    """After publishes, a second revision and a rollback: byte for byte, with their types; no more questions than
    indexes where nothing changed."""
    catalog = MemoryCatalog()
    for name, content in (("chair", "one"), ("table", "one"), ("chair", "two")):
        run = regions.run(catalog)
        run.publish(bundle(tmp_path, name, content=content))
        run.tell()
    run = regions.run(catalog)
    run.rollback(Keys("furniture", "chair"), None, dry_run=False)
    run.tell()
    assert json.loads(seen(regions.other)["furniture/manifest/chair.json"])["publication"]["status"] == "rolled_back"
    assert seen(regions.other) == seen(regions.first)
    assert findings(seen(regions.other), {}) == []
    assert "note: s3://" in regions.said[0]
    regions.run(catalog).publish(bundle(tmp_path, "chair", content="two"))
    assert Replica(regions.first, regions.other, 2).follow("furniture") == ["chair"]
    told = len(regions.said)
    run = regions.run(catalog)
    run.publish(bundle(tmp_path, "chair", content="two"))
    run.tell()
    assert len(regions.said) == told
    glb = next(key for key in seen(regions.other) if key.endswith(".glb"))
    head = regions.other.client.head_object(Bucket=regions.other.bucket, Key=regions.other.prefix + glb)  # type: ignore[attr-defined]
    assert (head["ContentType"], head["CacheControl"]) == ("model/gltf-binary", "public, max-age=31536000, immutable")


def test_a_region_that_fails_in_the_middle_costs_a_warning_and_is_brought_up_by_verify(
    regions: Regions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The publish ends well; `verify` names what the other lacks, `--mend` brings it."""
    catalog = MemoryCatalog()
    run = regions.run(catalog)
    run.publish(bundle(tmp_path, "chair"))
    with monkeypatch.context() as broken:
        down = Failing()
        down.left = 3
        broken.setattr("assetpipe.delivery.replica.open_store", lambda *_: down)
        run.tell()
    assert [line.partition(":")[0] for line in regions.said] == ["warning"]
    assert "the next run, or `catalog verify --mend`, brings it up" in regions.said[0]
    assert [entry.announced for entry in catalog.listing("furniture")] == [1]

    found = tend(regions.run(catalog), None, mend=False).verified.faults
    assert [(fault.kind, fault.asset) for fault in found] == [("stale", "chair")]
    mended = tend(regions.run(catalog), None, mend=True)
    assert mended.verified.faults == ()
    assert [fault.asset for fault in mended.mended] == ["chair"]
    assert seen(regions.other) == seen(regions.first)


def test_wherever_it_breaks_the_other_is_whole_and_the_next_run_catches_up(tmp_path: Path) -> None:
    """Cut off after each write in turn: a reader of the other follows every name; the next one brings both assets."""
    writes = 0
    while True:
        first, catalog, other = MemoryStore(), MemoryCatalog(), Failing()
        run = Run(first, catalog, SETTINGS)
        for content in ("one", "two"):
            for name in ("chair", "table"):
                run.publish(bundle(tmp_path, name, content=content))
            run.tell()
            if content == "one":
                Replica(first, other, 1).follow("furniture")
        other.left = writes
        try:
            Replica(first, other, 1).follow("furniture")
            break
        except ServiceUnavailable:
            assert findings(seen(other), {}) == []
        other.left = 10_000
        assert Replica(first, other, 1).lacks("furniture") == ["chair", "table"]
        Replica(first, other, 1).follow("furniture")
        assert seen(other).items() <= seen(first).items()
        assert json.loads(seen(other)["furniture/manifest/index.json"])["total"] == 2
        writes += 1
    assert writes >= 10


def test_an_older_pointer_never_comes_over_a_newer_one(tmp_path: Path) -> None:
    """A follower that read the first long ago finds that another was here since."""
    first, catalog, other = MemoryStore(), MemoryCatalog(), MemoryStore()
    run = Run(first, catalog, SETTINGS)
    run.publish(bundle(tmp_path, content="one"))
    run.tell()
    old = MemoryStore()
    for stat in first.list(""):
        found = first.read(stat.key)
        assert found
        old.put(Item(stat.key, found.body, found.stat.sha256, "", ""))
    run.publish(bundle(tmp_path, content="two"))
    run.tell()
    Replica(first, other, 2).follow("furniture")
    before = seen(other)["furniture/manifest/chair.json"]
    Replica(old, other, 2).follow("furniture")
    assert seen(other)["furniture/manifest/chair.json"] == before


def test_the_doctor_tries_the_other_region_too(
    ministack_auth: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All that is tried of the store is tried of the replica, and what is refused there is named as a right on it."""
    server = ministack_auth
    name = f"region-{uuid.uuid4().hex[:8]}"
    first, other = guarded_bucket(server, name), guarded_bucket(server, f"{name}-west", "us-west-2")
    config = tmp_path / "shop.toml"
    config.write_text(
        f'[publish]\nendpoint_url = "{server.url}"\ncatalog = "sqlite:{tmp_path}/c.sqlite"\n'
        f'replica = "s3://{other}/eu"\nreplica_region = "us-west-2"\n'
    )
    rights = [*RIGHTS, "s3:ListMultipartUploadParts", "s3:PutObjectTagging"]
    user(server, monkeypatch, first, *rights)
    doctor = ["doctor", "--store", f"s3://{first}/eu", "--config", config, "--json"]
    nothing = {item["name"]: item for item in lines(run(*doctor))[0]["items"]}
    assert (nothing["write"]["state"], nothing["replica: write"]["state"]) == ("ok", "missing")
    assert "allow s3:GetObject" in nothing["replica: write"]["cure"]
    assert "allow s3:PutObject" in nothing["replica: parts"]["cure"]
    allow(server, first, other, *rights)
    done = run(*doctor)
    found = {item["name"]: item for item in lines(done)[0]["items"]}
    assert done.code == 0, done.err
    assert {name for name, item in found.items() if item["state"] == "ok"} >= {
        f"replica: {name}" for name in EVERYTHING
    }
    assert {"replica: cors", "replica: lifecycle", "replica: public access"} <= found.keys()
    assert "replica: distribution" not in found
    assert not server.client("s3", "test", "test").list_objects_v2(Bucket=other).get("Contents")


def allow(server: Server, name: str, bucket: str, *actions: str) -> None:
    """The user of the first bucket may this much on another, too."""
    said = {
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [said]})
    server.client("iam", "test", "test").put_user_policy(
        UserName=f"user-of-{name}", PolicyName="q", PolicyDocument=policy
    )


def test_a_replica_that_is_the_store_itself_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    """By any name of it: through a link, or around it."""
    (tmp_path / "link").symlink_to(tmp_path / "store")
    for name in ("store", "link", "store/other"):
        (tmp_path / "shop.toml").write_text(f'[publish]\nreplica = "{tmp_path}/{name}"\n')
        done = run("publish", bundle(tmp_path).folder, "--to", tmp_path / "store", "--config", tmp_path / "shop.toml")
        assert (done.code, "lies in the store itself" in done.err) == (78, True), done.err
    assert not (tmp_path / "store" / "furniture").exists()
