"""publish as people type it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assetpipe.delivery.keys import IMMUTABLE
from tests.commands import run
from tests.delivery.bundles import bundle
from tests.delivery.servers import Server
from tests.delivery.typed import digest, lines, objects, stamps

ROOT = Path(__file__).parents[2]
CANARIES = ("AKIACANARY0123456789", "canary/secret+key", "canary-session-token")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def test_what_is_published_is_what_the_bundle_holds_and_again_sends_nothing(tmp_path: Path, store: Path) -> None:
    """P2 as it is typed: the second publish writes no file, sends no byte, and says so."""
    made = bundle(tmp_path)
    first = run("publish", made.folder, "--to", store, "--json")
    assert first.code == 0, first.err
    (said,) = lines(first)
    pointer = json.loads(Path(said["manifest"]).read_text())
    for level in pointer["levels"]:
        assert (
            digest(Path(said["manifest"]).parent / level["uri"])
            == level["sha256"]
            == made.recorded[f"{level['name']}.glb"]
        )
    assert (said["changed"], said["sent"], said["sent_bytes"]) == (True, 7, sum(map(len, objects(store).values())))

    before = stamps(store)
    again = run("publish", made.folder, "--to", store, "--json")
    (said,) = lines(again)
    assert (said["changed"], said["sent"], said["sent_bytes"]) == (False, 0, 0)
    assert "nothing to send" in again.err
    assert stamps(store) == before


def test_one_that_fails_stops_no_other(tmp_path: Path, store: Path) -> None:
    """Exit code 3: the damaged, the missing and the one that is no bundle are named, the sound ones are published."""
    sound, damaged, last = bundle(tmp_path, "chair"), bundle(tmp_path, "stool"), bundle(tmp_path, "table")
    (damaged.folder / "high.glb").write_bytes(b"glTF")
    done = run("publish", sound.folder, damaged.folder, tmp_path / "nothing", last.folder, "--to", store, "--json")
    assert done.code == 3
    assert [said["asset"] for said in lines(done)] == ["chair", "table"]
    assert "high.glb: its bytes are not those that the manifest names" in done.err
    assert f"{tmp_path / 'nothing'}: no such folder" in done.err
    assert "2 of 4 failed" in done.err
    index = json.loads((store / "furniture" / "manifest" / "index.json").read_text())
    assert [asset["asset"] for asset in index["assets"]] == ["chair", "table"]
    assert not any("stool" in key for key in objects(store))


def test_a_name_that_is_nearly_one_of_ours_is_asked_about(tmp_path: Path, store: Path) -> None:
    """In the category that was named, or in all."""
    assert run("publish", bundle(tmp_path, "chair").folder, "--to", store).code == 0
    for named in ("chiar", "furniture/chair2"):
        done = run("catalog", "show", named, "--store", store)
        assert (done.code, "did you mean chair? `assetpipe catalog list`" in done.err) == (2, True), done.err
    assert "did you mean" not in run("catalog", "show", "sofa", "--store", store).err


def test_two_bundles_of_one_asset_are_refused_before_any_is_sent(tmp_path: Path, store: Path) -> None:
    """Either could come last; the same folder twice is one bundle."""
    one, two = bundle(tmp_path, content="one").folder, bundle(tmp_path, content="two").folder
    done = run("publish", one, two, "--to", store)
    assert done.code == 2
    assert f"{one} and {two} are both furniture/chair" in done.err
    assert not store.exists()
    assert len(lines(run("publish", one, one, "--to", store, "--json"))) == 1


@pytest.mark.parametrize(
    ("words", "code", "message", "hint"),
    [
        (["publish", "nothing", "--to", "store"], 66, "nothing: no such folder", "assetpipe build"),
        (["publish", "empty", "--to", "store"], 65, "empty: no bundle: it holds no manifest.json", "assetpipe build"),
        (["publish", "many", "--to", "store"], 2, "many: no bundle, but a folder of bundles", "write many/*"),
        (["check", "many"], 2, "many: no bundle, but a folder of bundles", "write many/*"),
        (["publish", "damaged", "--to", "store"], 65, "damaged: high.glb: its bytes are not", "build the asset again"),
        (["publish", "sound", "--to", "http://shop/x"], 2, "http: is no kind of store", "s3://bucket/prefix"),
        (["publish", "sound", "--to", "s3://me:hunter2@shop/x"], 2, "a bucket and a prefix alone", "AWS_PROFILE"),
        (["publish", "sound", "--to", "a-file"], 2, "a-file: is a file", "use a folder"),
        (["publish", "sound"], 2, "Missing option '--to'", ""),
        (["publish", "sound", "--to", "store", "--config", "bad.toml"], 78, "key publish.distributon", "distribution?"),
        (["ingest", "x.glb", "--to", "store"], 2, "which category is this?", "furniture"),
        (["catalog", "list", "--store", "nothing"], 66, "nothing: no such folder", "assetpipe publish"),
        (["catalog", "show", "chair", "--store", "empty"], 2, "empty: chair is not published", "catalog list"),
        (["catalog", "rollback", "../chair", "--store", "empty"], 2, "'../chair' names no asset", "CATEGORY/ASSET"),
        (["catalog", "list", "--store", "empty", "--category", "A/B"], 2, "'A/B' cannot be a category", "a-z"),
        (["doctor", "--fix", "--store", "empty"], 2, "mends this machine", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, message: str, hint: str
) -> None:
    """Each mistake that people make has its own words, its own exit code, and no traceback; nothing is written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "a-file").write_text("")
    (tmp_path / "bad.toml").write_text('[publish]\ndistributon = "E1"\n')
    bundle(tmp_path / "many")
    bundle(tmp_path).folder.rename(tmp_path / "sound")
    bundle(tmp_path).folder.rename(tmp_path / "damaged")
    (tmp_path / "damaged" / "high.glb").write_bytes(b"glTF")
    done = run(*words)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert hint in done.err
    assert "hunter2" not in done.err
    assert not (tmp_path / "store").exists()


def test_a_store_that_may_not_be_written_is_said(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 77, with the place. (A real refusal, which root never gets, is the kernel's EACCES all the same.)"""
    real = os.mkdir

    def refuse(path: Any, *rest: Any, **others: Any) -> None:
        if others.get("dir_fd") is not None or str(path).startswith(str(store)):
            raise PermissionError(13, "Permission denied", str(path))
        real(path, *rest, **others)

    monkeypatch.setattr("os.mkdir", refuse)
    done = run("publish", bundle(tmp_path).folder, "--to", store)
    assert done.code == 77, done.err
    assert f"{store}" in done.err
    assert "may not be written" in done.err


def test_a_bucket_or_a_table_that_is_not_there_is_said_before_anything_is_sent(
    tmp_path: Path, moto: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 66 with the command that makes it; then, with both there, the same publish goes through."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto.url)
    folder = bundle(tmp_path).folder
    lacking = run("publish", folder, "--to", "s3://bucket-of-nobody/eu")
    assert lacking.code == 66
    assert "no such bucket" in lacking.err
    place = f"s3://{moto.bucket()}/eu"
    lacking = run("publish", folder, "--to", place)
    assert lacking.code == 66
    assert "assetpipe catalog init" in lacking.err
    assert "Contents" not in moto.client().list_objects_v2(Bucket=place.split("/")[2])

    assert "is made" in run("catalog", "init", "--store", place).out
    assert "is there" in run("catalog", "init", "--store", place).out
    assert run("publish", folder, "--to", place).code == 0
    (entry,) = lines(run("catalog", "list", "--store", place, "--json"))
    key = next(file["key"] for file in entry["files"] if file["level"] == "high")
    head = moto.client().head_object(Bucket=place.split("/")[2], Key=f"eu/{key}")
    assert (head["ContentType"], head["CacheControl"]) == ("model/gltf-binary", IMMUTABLE)
    assert run("catalog", "verify", "--store", place).code == 0


def test_no_credentials_are_said(tmp_path: Path, moto: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 77, and how people log in."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto.url)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    done = run("publish", bundle(tmp_path).folder, "--to", "s3://shop-models/eu")
    assert done.code == 77
    assert "there are no AWS credentials here" in done.err
    assert "aws sso login" in done.err


def test_a_server_that_is_not_aws_needs_to_be_told_where_its_catalog_is(tmp_path: Path, moto: Server) -> None:
    """Nothing goes to AWS's own DynamoDB because an S3 server of another kind was named; a file will do."""
    config = tmp_path / "shop.toml"
    config.write_text(f'[publish]\nendpoint_url = "{moto.url}"\n')
    words = ["publish", bundle(tmp_path).folder, "--to", f"s3://{moto.bucket()}", "--config", config]
    lacking = run(*words)
    assert lacking.code == 78
    assert '[publish] catalog = "sqlite:' in lacking.err
    config.write_text(f'{config.read_text()}catalog = "sqlite:{tmp_path / "catalog.sqlite"}"\n')
    done = run(*words)
    assert done.code == 0, done.err
    assert (tmp_path / "catalog.sqlite").stat().st_size > 0


def test_a_dry_run_says_what_would_be_sent_and_touches_nothing(tmp_path: Path, store: Path) -> None:
    """Not even a folder or a catalog is made; over an older revision it counts only what is new."""
    made = bundle(tmp_path)
    first = run("publish", made.folder, "--to", store, "--dry-run", "--json")
    assert first.code == 0
    assert "would be published" in first.err
    assert (lines(first)[0]["dry_run"], lines(first)[0]["sent"]) == (True, 7)
    assert not store.exists()

    run("publish", made.folder, "--to", store)
    before = stamps(store)
    other = run("publish", bundle(tmp_path, content="two").folder, "--to", store, "--dry-run", "--json")
    assert lines(other)[0]["sent"] == 6  # `preview` is the same in both
    assert stamps(store) == before
    assert lines(run("catalog", "list", "--store", store, "--json"))[0]["revision"] == lines(first)[0]["revision"]


def test_secrets_are_in_no_output_and_in_no_object(tmp_path: Path, moto: Server) -> None:
    """P23: canaries for keys and token, at -v, in a real process, through success and failure: 0 hits anywhere."""
    place = f"s3://{moto.bucket()}/eu"
    key, secret, token = CANARIES
    own = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}
    environment = os.environ | own | {"AWS_ENDPOINT_URL": moto.url, "AWS_REGION": "us-east-1"}
    folder = str(bundle(tmp_path).folder)
    script = tmp_path / "commands.sh"
    program = f"{sys.executable} -m assetpipe"
    script.write_text(
        f"{program} catalog init --store {place}\n"
        f"{program} publish {folder} --to {place} -v --json\n"
        f"{program} publish {folder} --to s3://bucket-of-nobody/x -v\n"
        f"AWS_ENDPOINT_URL=http://127.0.0.1:9 {program} catalog list --store {place}\n"
        f"{program} doctor --store {place}\n"
        f"{program} catalog verify --store {place} -v --log json\n"
    )
    command = ["bash", str(script)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert '"changed": true' in done.stdout
    assert "no such bucket" in done.stderr
    said = [done.stdout, done.stderr]
    client, bucket = moto.client(), place.split("/")[2]
    for one in client.list_objects_v2(Bucket=bucket)["Contents"]:
        found = client.get_object(Bucket=bucket, Key=one["Key"])
        said += [found["Body"].read().decode("latin-1"), json.dumps(found["Metadata"])]
    assert len(said) > 10
    assert [canary for canary in CANARIES for text in said if canary in text] == []
    assert "X-Amz-" not in done.stdout + done.stderr
