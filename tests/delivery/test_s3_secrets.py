"""Keys to S3 are said nowhere: not in a log, not in a traceback, not when they are refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from assetpipe.delivery.examine import examine_store
from assetpipe.delivery.s3 import S3Store
from assetpipe.errors import NotPermitted
from tests.delivery.buckets import KEY, settings
from tests.delivery.conformance import item, together
from tests.delivery.servers import Server, environment

TALK = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
from assetpipe.config import load_config
from assetpipe.delivery.s3 import S3Store
from assetpipe.delivery.store import Item
import hashlib, traceback
endpoint, bucket = sys.argv[1:]
settings = load_config().publish.model_copy(update={"endpoint_url": endpoint, "part_mb": 5})
for name in (bucket, "nobody-made-this"):
    store = S3Store.open("s3://" + name, settings)
    for body in (b"glTF", bytes(11_000_000)):
        try:
            key = f"furniture/high/chair-{len(body)}.glb"
            sent = Item(key, body, hashlib.sha256(body).hexdigest(), "a/b", "no-store")
            print(store.put(sent), store, list(store.list("")))
        except Exception:
            traceback.print_exc()
"""
CONTROL = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
import boto3
boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1").list_buckets()
"""
CANARIES = {
    "AWS_ACCESS_KEY_ID": "AKIACANARYCANARY1234",
    "AWS_SECRET_ACCESS_KEY": "canarySecretcanarySecretcanary",
    "AWS_SESSION_TOKEN": "canaryTokencanaryTokencanaryToken",
}


def talk(script: str, folder: Path, *arguments: str) -> str:
    env = {**os.environ, **environment(folder), **CANARIES}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, env=env, timeout=600, check=True
    )
    return done.stdout + done.stderr


def test_no_secret_is_ever_said(moto: Server, ministack_auth: Server, tmp_path: Path) -> None:
    """Not with every logger at DEBUG, not in a traceback, not by a server that does not know the key."""
    said = talk(TALK, tmp_path, moto.url, moto.bucket()) + talk(TALK, tmp_path, ministack_auth.url, "bucket")
    assert "True S3Store(" in said
    assert "E_STORE" in said or "hint:" in said
    for canary in (*CANARIES.values(), "Signature=", "X-Amz-Signature", "Authorization"):
        assert canary not in said


def test_the_canaries_would_sing(moto: Server, tmp_path: Path) -> None:
    """The control: without our care the client does say secrets at DEBUG."""
    said = talk(CONTROL, tmp_path, moto.url)
    assert CANARIES["AWS_SESSION_TOKEN"] in said


def test_keys_that_are_refused_are_said_to_be(ministack_auth: Server) -> None:
    """By what to do, not as a missing right: not even where the first question is one whose answer has no body."""
    store = S3Store.open("s3://bucket", settings(ministack_auth.url))
    calls = (lambda: list(store.list("")), lambda: store.stat(KEY), lambda: store.put(item(KEY, b"glTF")))
    refused = together(*calls)
    assert [(type(error), getattr(error, "code", "")) for error in refused] == [
        (NotPermitted, "E_STORE_CREDENTIALS")
    ] * 3
    (finding,) = examine_store("s3://bucket", settings(ministack_auth.url))
    assert "credentials are refused" in finding.detail
