"""Servers that speak S3 on loopback: moto, MiniStack, and a real one, Ceph RGW, each started once per session; and the
store on each of them as a subject of the conformance suite.

    moto       every part of AWS, loosely: it checks no checksum
    MiniStack  checks checksums; with AUTH=true signatures and IAM policies too
    Ceph RGW   a product: `tests/delivery/ceph_s3.sh start ROOT` as root, then ASSETPIPE_REAL_S3=http://127.0.0.1:18480
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from assetpipe.config import Publish, load_config
from assetpipe.delivery.s3 import S3Store
from tests.delivery.conformance import Entry, Subject

START_WITHIN = 300.0
"""Seconds; MiniStack takes 4 on an idle machine."""
MINISTACK = Path(sys.executable).with_name("ministack")
KEY, SECRET = "AKPIPE", "SKPIPEsecret"
"""Of Ceph; the others take any."""


@dataclass(frozen=True)
class Server:
    name: str
    url: str

    def client(self, service: str = "s3", key: str = KEY, secret: str = SECRET) -> Any:
        """To look behind the store's back: one without our code."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(request_checksum_calculation="when_required", response_checksum_validation="when_required"),
        )

    def bucket(self) -> str:
        """A new one: servers are shared by all tests of a session."""
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=name)
        return name


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}"]
    with running("moto", command, {}, tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running("ministack", [str(MINISTACK)], {}, tmp_path_factory.mktemp("ministack")) as server:
        yield server


@pytest.fixture(scope="session")
def ministack_auth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Checks signatures and policies; `test`/`test` may everything."""
    with running("ministack", [str(MINISTACK)], {"AUTH": "true"}, tmp_path_factory.mktemp("ministack")) as server:
        yield server


@pytest.fixture(scope="session")
def ceph() -> Server:
    """Not started here: the first start fetches 150 MB, which no test run is to do unasked."""
    if not real_s3():
        pytest.skip("ASSETPIPE_REAL_S3 names no server: tests/delivery/ceph_s3.sh start ROOT, as root, starts one")
    return Server("ceph", real_s3())


def real_s3() -> str:
    return os.environ.get("ASSETPIPE_REAL_S3", "")


@pytest.fixture(autouse=True)
def of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the credentials, the profile or the endpoint of whoever runs it."""
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)


def environment(folder: Path) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_CONFIG_FILE": str(folder / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def running(name: str, command: list[str], env: Mapping[str, str], folder: Path) -> Iterator[Server]:
    """On a free port of loopback, with its whole process group gone at the end, whatever happens between."""
    port = free_port()
    filled = [part.format(port=port) for part in command]
    told = {**os.environ, **env, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "HOME": str(folder)}
    with (folder / "server.log").open("wb") as log:
        quiet: dict[str, Any] = {"stdout": log, "stderr": log, "stdin": subprocess.DEVNULL}
        process = subprocess.Popen(filled, env=told, cwd=folder, start_new_session=True, **quiet)
        try:
            _await(process, f"http://127.0.0.1:{port}", folder / "server.log")
            yield Server(name, f"http://127.0.0.1:{port}")
        finally:
            _end(process)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"{process.args!r} did not answer at {url}:\n{log.read_text(errors='replace')[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)


def publish_settings(server: Server) -> Publish:
    return load_config().publish.model_copy(update={"endpoint_url": server.url, "part_mb": 5, "threads": 4})


@contextmanager
def _subject(server: Server) -> Iterator[Subject]:
    bucket, client = server.bucket(), server.client()
    url = f"s3://{bucket}/models"

    def plant(key: str, body: bytes) -> None:
        client.put_object(Bucket=bucket, Key=f"models/{key}", Body=body)

    def rot(key: str, body: bytes) -> None:
        metadata = client.head_object(Bucket=bucket, Key=f"models/{key}")["Metadata"]
        client.put_object(Bucket=bucket, Key=f"models/{key}", Body=body, Metadata=metadata)

    def again() -> S3Store:
        return S3Store.open(url, publish_settings(server))

    store = again()
    # To moto every upload in parts began in 2010, so a sweep would end those of the living. test_s3 sends it parts.
    large = 9_000_000 if server.name == "moto" else 12_000_000
    guards = server.name != "ceph"  # in 39 of 150 races RGW 20.2 deleted what had just been moved
    yield Subject(store, again, plant, rot, writer=store, rounds=2, large=large, guards_deletion=guards)


def _on(name: str) -> Entry:
    def opened(request: pytest.FixtureRequest, folder: Path) -> AbstractContextManager[Subject]:
        return _subject(request.getfixturevalue(name))

    return Entry(name, opened, marks=(pytest.mark.real_s3,) if name == "ceph" else ())


ENTRIES = (_on("moto"), _on("ministack"), _on("ceph"))
