"""A publisher to S3 and DynamoDB that is killed at a request, before it is done or after, leaves nothing half (P1)."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from assetpipe.delivery.dynamodb import DynamoCatalog, create_table
from assetpipe.delivery.publish import publish_bundle
from tests.delivery.bundles import SETTINGS, bundle
from tests.delivery.fsck import findings
from tests.delivery.loopback import Proxy, Request, What
from tests.delivery.servers import Server, ministack, of_nobody  # noqa: F401  fixtures
from tests.delivery.test_publish_to_cloud import Cloud, open_store
from tests.delivery.worlds import catalogued, rounds

SEQUENTIAL = SETTINGS.model_copy(update={"threads": 1})
WITHIN = 600.0
"""Seconds after which a child hangs."""


def through(cloud: Cloud, url: str) -> tuple[object, ...]:
    """The same bucket and table, every request of both by way of `url`."""
    server = Server("proxy", url)
    return open_store(server, cloud.bucket), DynamoCatalog(server.client("dynamodb"), cloud.table)


def killed(work: Callable[[str], object], cloud: Cloud, at: int, *, done: bool) -> bool:
    """Whether it came as far as that request, and died there."""
    gate, opened = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(opened)
        url = os.read(gate, 1_000).decode()
        try:
            work(url)
        finally:
            os._exit(0)

    def plan(request: Request) -> What | None:
        if request.number != at:
            return None
        os.kill(child, signal.SIGKILL)
        return "lost" if done else "reset"

    with Proxy(cloud.server.url, plan) as proxy:
        os.write(opened, proxy.url.encode())
        deadline = time.monotonic() + WITHIN
        while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                raise AssertionError(f"hangs at request {at}")
            time.sleep(0.005)
    for handle in (gate, opened):
        os.close(handle)
    return os.waitstatus_to_exitcode(ended[1]) == -signal.SIGKILL


def test_killed_at_a_request_nobody_sees_a_part_of_it(ministack: Server, tmp_path: Path) -> None:  # noqa: F811
    """Every request of a publish over an earlier revision in its turn (in CI every sixth, before it is done or
    after), to the bucket and to the table; then one rerun finishes it."""
    bucket, table = ministack.bucket(), f"catalog-{uuid.uuid4().hex[:8]}"
    create_table(ministack.client("dynamodb"), table)
    store = open_store(ministack, bucket)
    cloud = Cloud(ministack, bucket, table, store, DynamoCatalog(ministack.client("dynamodb"), table))
    publish_bundle(bundle(tmp_path, content="zero"), cloud.store, cloud.catalog, SEQUENTIAL)
    at, died = 1, 0
    while True:
        reached = False
        for done in rounds([at % 12 == 1], [False, True]):
            given = bundle(tmp_path, content=f"{at}-{done}")
            work = lambda url, given=given: publish_bundle(given, *through(cloud, url), SEQUENTIAL)  # type: ignore[misc,arg-type]  # noqa: E731
            reached = killed(work, cloud, at, done=done)
            died += reached
            assert findings(cloud.objects(), catalogued(cloud.catalog)) == [], f"request {at}, done: {done}"
            again = publish_bundle(given, cloud.store, cloud.catalog, SEQUENTIAL)
            entry = cloud.catalog.get("furniture", "chair")
            assert entry
            assert entry.revision == again.revision
        if not reached:
            break
        at += rounds(6, 1)
    assert died >= rounds(3, 20)
    assert cloud.faults() == []
