"""Sources in S3: planned by prefix, fetched when their turn comes. Against moto."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assetpipe.batch.calls import plan_batch
from assetpipe.batch.remote import fetch_source
from assetpipe.batch.run import carry_out
from assetpipe.errors import AssetpipeError, LimitExceeded, MissingFile, SourceError, UsageError
from tests import gltf_files
from tests.batch.nights import batch, started
from tests.delivery.servers import Server, environment, moto  # noqa: F401  # fixtures
from tests.shapes import sphere


@pytest.fixture
def bucket(moto: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:  # noqa: F811
    """A chair that stands alone, a lamp in three files, and what is no model."""
    for name, value in {**environment(tmp_path), "AWS_ENDPOINT_URL": moto.url}.items():
        monkeypatch.setenv(name, value)
    bucket, client = moto.bucket(), moto.client()
    document, data = gltf_files.document(sphere(8))
    gltf_files.write_glb(tmp_path / "Chair.glb", document, data)
    document["buffers"] = [{"uri": "lamp.bin", "byteLength": len(data)}]
    gltf_files.write_gltf(tmp_path / "lamp.gltf", document)
    bodies = {
        "in/Chair.glb": (tmp_path / "Chair.glb").read_bytes(),
        "in/lamps/lamp.gltf": (tmp_path / "lamp.gltf").read_bytes(),
        "in/lamps/lamp.bin": data,
        "in/lamps/": b"",
        "in/readme.txt": b"no model",
        "other/sofa.glb": b"elsewhere",
    }
    for key, body in bodies.items():
        client.put_object(Bucket=bucket, Key=key, Body=body)
    return bucket


def test_a_prefix_is_planned_without_fetching(bucket: str, tmp_path: Path) -> None:
    """Size from the listing, no hash; a list names single objects."""
    chair, lamp = plan_batch([f"s3://{bucket}/in/"]).items
    assert (chair.asset, chair.source, chair.sha256) == ("chair", f"s3://{bucket}/in/Chair.glb", None)
    assert chair.bytes == (tmp_path / "Chair.glb").stat().st_size
    assert (lamp.asset, lamp.source) == ("lamp", f"s3://{bucket}/in/lamps/lamp.gltf")
    (tmp_path / "night.csv").write_text(f"source,asset\ns3://{bucket}/in/Chair.glb,big-chair\n")
    assert [item.asset for item in plan_batch([tmp_path / "night.csv"]).items] == ["big-chair"]
    (tmp_path / "night.csv").write_text(f"source\ns3://{bucket}/in/\n")
    with pytest.raises(MissingFile, match="2 objects, a line of a list names one"):
        plan_batch([tmp_path / "night.csv"])


def test_what_a_source_names_comes_along(bucket: str, tmp_path: Path) -> None:
    """A GLB alone; a glTF with all of its folder, under the same names."""
    chair = fetch_source(f"s3://{bucket}/in/Chair.glb", tmp_path / "a", 10**9)
    assert chair.read_bytes() == (tmp_path / "Chair.glb").read_bytes()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["Chair.glb"]
    lamp = fetch_source(f"s3://{bucket}/in/lamps/lamp.gltf", tmp_path / "b", 10**9)
    assert sorted(path.name for path in lamp.parent.iterdir()) == ["lamp.bin", "lamp.gltf"]


@pytest.mark.parametrize(
    ("key", "limit", "kind"),
    [("in/gone.glb", 10**9, MissingFile), ("in/Chair.glb", 10, LimitExceeded), ("", 10, MissingFile)],
)
def test_what_cannot_be_fetched_is_said(
    bucket: str, tmp_path: Path, key: str, limit: int, kind: type[AssetpipeError]
) -> None:
    """Which object, and why."""
    with pytest.raises(kind) as caught:
        fetch_source(f"s3://{bucket}/{key}", tmp_path / "a", limit)
    assert f"s3://{bucket}/{key}" in caught.value.message
    with pytest.raises(UsageError):
        fetch_source("s3:///nowhere", tmp_path / "a", limit)


def test_a_key_cannot_leave_the_folder(bucket: str, moto: Server, tmp_path: Path) -> None:  # noqa: F811
    """`../` in a key beside a source is refused, and nothing is written."""
    moto.client().put_object(Bucket=bucket, Key="in/lamps/x/../../../stolen.bin", Body=b"x")
    with pytest.raises(SourceError, match="which is no file name"):
        fetch_source(f"s3://{bucket}/in/lamps/lamp.gltf", tmp_path / "a", 10**9)
    assert not (tmp_path / "a").exists()


def test_a_run_fetches_builds_and_leaves_no_copy(bucket: str, tmp_path: Path) -> None:
    """Each source is fetched by a child of its own, and gone when its asset is done; a second run fetches nothing."""
    out, wanted = tmp_path / "out", plan_batch([f"s3://{bucket}/in/Chair.glb"]).items
    renamed = (wanted[0].model_copy(update={"asset": "fetched"}),)
    assert carry_out(batch(out, renamed)).done == 1
    record = json.loads((out / "results.jsonl").read_text())
    assert (record["state"], record["source"]) == ("done", f"s3://{bucket}/in/Chair.glb")
    assert list((out / ".batch" / "sources").iterdir()) == []
    assert started(out) == ["fetched", "fetched"]
    assert carry_out(batch(out, renamed)).kept == 1
    assert started(out) == ["fetched", "fetched"]
