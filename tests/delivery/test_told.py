"""Caches hear of every publish exactly once, whatever is killed between the publish and the telling (P24)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.commands import run
from tests.delivery.bundles import bundle
from tests.delivery.refusing import Refusing
from tests.delivery.servers import Server
from tests.delivery.test_cloudfront import distribution, invalidations

ROOT = Path(__file__).parents[2]


class Silent(ThreadingHTTPServer):
    """In front of CloudFront: while `hang` says so, a request to invalidate gets no answer, and whoever waits for
    `asked` knows that it came; `passes` decides whether it arrives all the same."""

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream.removeprefix("http://")
        self.hang, self.passes = False, False
        self.asked, self.released = threading.Event(), threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Silent

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        hangs = self.server.hang and self.path.endswith("/invalidation") and self.command == "POST"
        status, answer = self._ask(body) if self.server.passes or not hangs else (500, b"")
        if hangs:
            self.server.asked.set()
            self.server.released.wait(300)
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Content-Type", "text/xml")
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST  # noqa: N815 - the name that http.server calls

    def _ask(self, body: bytes) -> tuple[int, bytes]:
        with closing(HTTPConnection(self.server.upstream, timeout=120)) as connection:
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            answer = connection.getresponse()
            return answer.status, answer.read()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def front(ministack: Server) -> Iterator[Silent]:
    server = Silent(ministack.url)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()


@dataclass(frozen=True)
class Shop:
    """A store in S3 with its table and its distribution, all MiniStack's."""

    store: str
    distribution: str
    config: Path

    def publish(self, *folders: Path) -> list[str]:
        return ["publish", *map(str, folders), "--to", self.store, "--json", "-v", "--config", str(self.config)]

    def rollback(self, asset: str) -> list[str]:
        return ["catalog", "rollback", asset, "--store", self.store, "--config", str(self.config)]


@pytest.fixture
def shop(tmp_path: Path, ministack: Server, front: Silent, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("AWS_ENDPOINT_URL", ministack.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", front.url)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    store = f"s3://{ministack.bucket()}/eu"
    made = Shop(store, distribution(ministack.url, store), tmp_path / "shop.toml")
    made.config.write_text(f'[publish]\ndistribution = "{made.distribution}"\n')
    assert run("catalog", "init", "--store", store).code == 0
    return made


@pytest.mark.parametrize("passes", [False, True], ids=["before-it-arrived", "before-its-answer-did"])
def test_killed_while_telling_the_rerun_makes_exactly_one_invalidation(
    tmp_path: Path, shop: Shop, ministack: Server, front: Silent, passes: bool
) -> None:
    """kill -9 when the pointer has moved and the invalidation is under way: the same command again tells once, and a
    third time nothing."""
    folders = [bundle(tmp_path, name).folder for name in ("chair", "table")]
    front.hang, front.passes = True, passes
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    first = subprocess.Popen([sys.executable, "-m", "assetpipe", *shop.publish(*folders)], cwd=ROOT, **quiet)
    try:
        assert front.asked.wait(300)
    finally:
        first.kill()
    assert first.wait(120) == -signal.SIGKILL
    front.hang = False
    front.released.set()
    assert len(invalidations(ministack.url, shop.distribution)) == int(passes)

    for _ in range(2):
        again = run(*shop.publish(*folders))
        assert again.code == 0, again.err
        assert [json.loads(line)["sent"] for line in again.out.splitlines()] == [0, 0]
        (one,) = invalidations(ministack.url, shop.distribution)
        assert one["InvalidationBatch"]["Paths"]["Items"] == [
            "/eu/furniture/manifest/chair.json",
            "/eu/furniture/manifest/index.json",
            "/eu/furniture/manifest/table.json",
        ]


def test_a_rollback_and_a_return_are_told_each(tmp_path: Path, shop: Shop, ministack: Server) -> None:
    """One, two, back to one, two again: four moves, four invalidations, although revisions and paths repeat."""
    one, two = bundle(tmp_path, content="one").folder, bundle(tmp_path, content="two").folder
    for words in (shop.publish(one), shop.publish(two), shop.rollback("chair"), shop.publish(two)):
        done = run(*words)
        assert done.code == 0, done.err
    told = invalidations(ministack.url, shop.distribution)
    assert len({each["InvalidationBatch"]["CallerReference"] for each in told}) == 4


def test_waiting_returns_when_viewers_get_what_is_published(tmp_path: Path, shop: Shop) -> None:
    """--wait says so; a dry run says what would be told and tells nothing."""
    folder = bundle(tmp_path).folder
    rehearsal = run(*shop.publish(folder), "--dry-run")
    assert (
        "would be told to forget /eu/furniture/manifest/chair.json, /eu/furniture/manifest/index.json" in rehearsal.err
    )
    done = run(*shop.publish(folder), "--wait")
    assert "told to forget 2 paths" in done.err
    assert "viewers everywhere get what is published" in done.err


def test_tags_are_told_in_place_of_paths_and_never_tells_nothing(tmp_path: Path, shop: Shop, ministack: Server) -> None:
    """`invalidate = "tags"` names the tag that pointers carry, `never` leaves caches to their minute."""
    for how, expected in (("never", []), ("tags", [["#pointers:furniture"]])):
        shop.config.write_text(f'[publish]\ndistribution = "{shop.distribution}"\ninvalidate = "{how}"\n')
        assert run(*shop.publish(bundle(tmp_path, content=how).folder)).code == 0
        told = invalidations(ministack.url, shop.distribution)
        assert [each["InvalidationBatch"]["Paths"]["Items"] for each in told] == expected


def test_caches_that_cannot_be_told_fail_the_run_and_the_next_one_tells_them(
    tmp_path: Path, shop: Shop, ministack: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is published stays; the exit code says that caches were not told, and a rerun without a fault tells."""
    folder = bundle(tmp_path).folder
    with Refusing(ministack.url, "AccessDenied", times=99, status=403) as closed:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", closed.url)
        refused = run(*shop.publish(folder))
    assert refused.code == 77
    assert "cloudfront:CreateInvalidation" in refused.err
    assert json.loads(refused.out)["changed"]
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", ministack.url)
    assert run(*shop.publish(folder)).code == 0
    assert len(invalidations(ministack.url, shop.distribution)) == 1
