"""Each job delivered three times, shuffled, to two workers: counted where bodies arrive (P9)."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

from assetpipe.batch.aws import Ask, submit
from assetpipe.batch.lease import all_progress
from assetpipe.batch.plan import Item
from assetpipe.config import Config, load_config
from assetpipe.delivery.dynamodb import create_table
from assetpipe.delivery.s3 import S3Store
from tests.batch.standin import Standin
from tests.batch.test_work import QUICK, ROOT, sources
from tests.delivery.loopback import Proxy
from tests.delivery.servers import Server, environment, ministack, of_nobody  # noqa: F401  fixtures
from tests.delivery.test_publish_to_cloud import Cloud, open_store
from tests.delivery.worlds import rounds

ASSETS = rounds(2, 16)


def night(server: Server, folder: Path, times: int) -> tuple[Cloud, Counter[str]]:
    """A plan of one asset a job, submitted so many times and worked off by two at a time; what arrived how often. Once:
    all in one job."""
    folder.mkdir()
    bucket = server.bucket()
    create_table(server.client("dynamodb"), f"assetpipe-{bucket}-models")
    store = open_store(server, bucket)
    items = uploaded(store, sources(folder / "in", ASSETS), 600.0 if times > 1 else 1.0)
    with Proxy(server.url) as proxy:
        told = {**environment(folder), "AWS_ENDPOINT_URL": proxy.url, "AWS_DEFAULT_REGION": "us-east-1"}
        cloud = Standin(folder, QUICK, {**told, "PYTHONPATH": str(ROOT)})
        for _ in range(times):
            submit(items, settings(), Ask(cloud, store, "night"))
            store.client.delete_object(Bucket=bucket, Key="models/assetpipe.runs/night/submission.json")
        order = list(cloud.children.items())
        random.Random(3).shuffle(order)
        cloud.children = dict(order)
        assert len(order) == (times * ASSETS if times > 1 else 1)
        cloud.run(machines=2, most=rounds(300, 1_800))
        assert set(cloud.statuses()) == {"SUCCEEDED"}
    bodies = [each for each in proxy.requests if each.method in ("PUT", "POST") and each.path.startswith(f"/{bucket}/")]
    sent = Counter(each.path.removeprefix(f"/{bucket}/models/").partition("?")[0] for each in bodies if each.body_bytes)
    return Cloud(server, bucket, "", store, None), sent  # type: ignore[arg-type]


def uploaded(store: S3Store, items: list[Item], seconds: float) -> list[Item]:
    for each in items:
        store.client.put_object(Bucket=store.bucket, Key=f"in/{each.asset}.glb", Body=Path(each.source).read_bytes())
    sources = [f"s3://{store.bucket}/in/{each.asset}.glb" for each in items]
    return [
        each.model_copy(update={"seconds": seconds, "source": source})
        for each, source in zip(items, sources, strict=True)
    ]


def settings() -> Config:
    plain = load_config()
    batch = {"queue": "night", "job_definition": "assetpipe", "attempts": 10}
    return plain.model_copy(update={"batch": plain.batch.model_copy(update=batch)})


def seen(cloud: Cloud) -> dict[str, bytes]:
    """All that viewers see; when something was published is no part of it."""
    found = {key: body for key, body in cloud.objects().items() if not key.startswith("assetpipe.runs")}
    for key in found:
        if "/manifest/index" in key:
            index = json.loads(found[key])
            found[key] = json.dumps([{**each, "updated": ""} for each in index["assets"]]).encode()
    return found


def test_each_body_is_sent_once_and_one_state_is_left(ministack: Server, tmp_path: Path) -> None:  # noqa: F811
    """Levels, posters, history and pointers arrive once each, at the server's door; what is left is what a single
    delivery leaves, byte by byte."""
    thrice, sent = night(ministack, tmp_path / "thrice", 3)
    once, _ = night(ministack, tmp_path / "once", 1)
    assert seen(thrice) == seen(once)
    arrived = {key: times for key, times in sent.items() if key.startswith("furniture/") and "/index" not in key}
    assert set(arrived) == {key for key in thrice.objects() if key.startswith("furniture/") and "/index" not in key}
    assert len(arrived) == 4 * ASSETS
    assert set(arrived.values()) == {1}
    assert {(each.state, each.number) for each in all_progress(thrice.store, "night")} == {("done", 1)}
