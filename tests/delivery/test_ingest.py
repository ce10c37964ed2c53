"""ingest as people type it: real sources, built, checked and published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import assetpipe.api
from assetpipe.bundle import read_bundle
from tests import gltf_files
from tests.commands import run
from tests.delivery.typed import lines, objects, stamps
from tests.shapes import sphere


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def ball(tmp_path: Path) -> Path:
    """A sphere of a metre, named as people name files."""
    return gltf_files.write_glb(tmp_path / "Oak Ball.glb", *gltf_files.document(sphere(30, radius=0.5)))


@pytest.mark.node
def test_ingest_builds_checks_and_publishes_and_does_each_once(ball: Path, tmp_path: Path, store: Path) -> None:
    """One command from source to store; the second time nothing is built and nothing sent; Python is the same call."""
    words = ["ingest", ball, "--category", "furniture", "--to", store, "--out", tmp_path / "out", "--json", "-v"]
    first = run(*words)
    assert first.code == 0, first.err
    assert [first.err.index(word) for word in ("decimating", "checking", "published as")] == sorted(
        first.err.index(word) for word in ("decimating", "checking", "published as")
    )
    made = read_bundle(tmp_path / "out" / "oak-ball")
    pointer = store / "furniture" / "manifest" / "oak-ball.json"
    assert [level["sha256"] for level in json.loads(pointer.read_text())["levels"]] == [
        level.sha256 for level in made.manifest.levels
    ]
    before = stamps(store)
    again = run(*words)
    assert (lines(again)[0]["sent"], lines(again)[0]["changed"]) == (0, False)
    assert "checking" not in again.err
    called = assetpipe.ingest(ball, to=store, category="furniture", out=tmp_path / "out")
    assert (called.revision, called.sent) == (lines(first)[0]["revision"], 0)
    assert stamps(store) == before


@pytest.mark.node
def test_what_fails_its_check_is_not_published_and_the_others_are(
    ball: Path, tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 3 of two, and no trace of the failed one in the store."""
    import assetpipe.checking as checking

    real = checking.damage
    monkeypatch.setattr(
        checking, "damage", lambda found: ["high.glb: bent"] if "bad" in str(found.folder) else real(found)
    )
    bad = ball.rename(tmp_path / "bad.glb")
    good = gltf_files.write_glb(tmp_path / "good.glb", *gltf_files.document(sphere(20, radius=0.5)))
    done = run("ingest", bad, good, "--category", "furniture", "--to", store, "--out", tmp_path / "out")
    assert done.code == 3
    assert "one check failed: high.glb: bent" in done.err
    assert [entry["asset"] for entry in lines(run("catalog", "list", "--store", store, "--json"))] == ["good"]
    assert not any("bad" in key for key in objects(store))


@pytest.mark.node
def test_bundles_are_kept_in_the_users_cache_where_no_other_place_is_named(
    ball: Path, tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By category, so that a clock can be two things; a dry run keeps them there, too, and leaves the store alone."""
    from assetpipe.node import packages_folder

    kept = packages_folder()
    monkeypatch.setenv("ASSETPIPE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / kept.name).symlink_to(kept)
    words = ["ingest", ball, "--category", "furniture", "--to", store]
    done = run(*words, "--out", tmp_path / "out", "--dry-run")
    assert done.code == 0, done.err
    assert "would be published" in done.err
    assert not store.exists()
    assert not (tmp_path / "out").exists()
    assert read_bundle(tmp_path / "cache" / "bundles" / "furniture" / "oak-ball").manifest.asset == "oak-ball"
    assert "unchanged, nothing to do" in run(*words).err


@pytest.mark.parametrize("name", ["index", "Index", "index-1", "index 12"])
def test_an_asset_cannot_be_called_as_its_categorys_index(tmp_path: Path, name: str) -> None:
    """Said before anything is built, by build, ingest and plan; `index-finger` is a name like others."""
    source = tmp_path / f"{name}.glb"
    source.write_bytes(b"glTF")
    ingest = ["ingest", source, "--category", "lamps", "--to", tmp_path / "s"]
    for words in (["build", source, "--out", tmp_path], ingest):
        refused = run(*words)
        assert (refused.code, refused.out) == (2, "")
        assert "cannot name an asset: it names the index of its category" in refused.err
        assert "give another with --asset" in refused.err
    planned = run("batch", "plan", source, "--category", "lamps", "--out", tmp_path / "plan.jsonl")
    assert planned.code == 2
    assert "rename it" in planned.err
    assert not (tmp_path / "s").exists()
    assert assetpipe.api.asset_names([Path("index-finger.glb")]) == {Path("index-finger.glb"): "index-finger"}
