"""What a plan holds, and what it leaves out."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from pathlib import Path

import pytest

from assetpipe import __version__
from assetpipe.api import publish
from assetpipe.batch.calls import plan_batch
from assetpipe.batch.estimate import estimate
from assetpipe.batch.found import Found
from assetpipe.batch.plan import Item, parse_plan, plan_bytes, read_plan
from assetpipe.bundle import write_bundle
from assetpipe.config import load_config
from assetpipe.errors import ConfigError, MissingFile, UsageError
from assetpipe.manifest import SourceRecord, ToolRecord
from tests import gltf_files
from tests.commands import run
from tests.delivery import bundles
from tests.shapes import sphere


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Four different ones in two folders, and things that are none."""
    folder = tmp_path / "models"
    (folder / "deep").mkdir(parents=True)
    for number, name in enumerate(["Chair.glb", "table.glb", "deep/Lamp (v2).GLB", "deep/shelf.gltf"]):
        document, data = gltf_files.document(sphere(8 + number))
        write = gltf_files.write_gltf if name.endswith("gltf") else gltf_files.write_glb
        write(folder / name, document, data)
    (folder / "notes.txt").write_text("no model")
    (folder / ".trash.glb").write_bytes(b"hidden")
    return folder


def names(*sources: object, **options: object) -> list[str]:
    return [item.asset for item in plan_batch([str(source) for source in sources], **options).items]  # type: ignore[arg-type]


def test_a_plan_is_the_same_bytes_whatever_the_order(models: Path, tmp_path: Path) -> None:
    """Folders, globs and files, in any order, from any working directory's point of view."""
    sources = [str(models / "deep"), str(models / "*.glb"), str(models / "table.glb")]
    plans = set()
    for seed in range(6):
        random.Random(seed).shuffle(sources)
        plan_batch(sources, out=tmp_path / f"{seed}.jsonl", category="furniture")
        plans.add((tmp_path / f"{seed}.jsonl").read_bytes())
    assert len(plans) == 1
    assert [item.asset for item in parse_plan(plans.pop(), "plan")] == ["chair", "lamp-v2", "shelf", "table"]


def test_a_plan_says_what_there_is(models: Path) -> None:
    """Absolute path, size and hash of the file, category; hidden files and other things are passed over."""
    items = plan_batch([models], category="furniture").items
    chair = next(item for item in items if item.asset == "chair")
    assert (chair.source, chair.category) == (str(models / "Chair.glb"), "furniture")
    assert chair.bytes == (models / "Chair.glb").stat().st_size
    assert chair.sha256 is not None
    assert len(chair.sha256) == 64
    assert len(items) == 4
    assert all(item.seconds > 1 and item.memory_mb > 100 for item in items)


def test_bundles_are_no_sources(models: Path) -> None:
    """A folder of bundles inside the models' folder is not planned again."""
    made = bundles.bundle(models / "bundles")
    shutil.copy(models / "table.glb", made.folder / "preview.glb")
    assert names(models) == ["chair", "lamp-v2", "shelf", "table"]


def test_what_is_there_twice_is_left_out_and_named(models: Path) -> None:
    """The same bytes under two names are one asset; in another category they are another."""
    shutil.copy(models / "Chair.glb", models / "zz-copy.glb")
    plan = plan_batch([models])
    assert [(each.source, each.reason, each.other) for each in plan.left_out] == [
        (str(models / "zz-copy.glb"), "duplicate", str(models / "Chair.glb"))
    ]
    assert len(plan.items) == 4
    rows = [{"source": "Chair.glb"}, {"source": "zz-copy.glb", "category": "fashion"}]
    (models / "list.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert names(models / "list.jsonl") == ["chair", "zz-copy"]


def test_two_sources_of_one_name_are_refused(models: Path) -> None:
    """The error names both, before any work."""
    gltf_files.write_glb(models / "deep" / "chair.glb", *gltf_files.document(sphere(20)))
    with pytest.raises(UsageError) as caught:
        plan_batch([models])
    assert caught.value.code == "E_ASSET_TWICE"
    assert str(models / "Chair.glb") in caught.value.message
    assert str(models / "deep" / "chair.glb") in caught.value.message


def test_a_folder_without_models_is_no_night_without_news(models: Path, tmp_path: Path) -> None:
    """It is another folder than was meant, or its models are of other formats."""
    (tmp_path / "fbx").mkdir()
    (tmp_path / "fbx" / "chair.fbx").write_bytes(b"Kaydara FBX Binary")
    refused = run("batch", "plan", tmp_path / "fbx", "--out", tmp_path / "plan.jsonl")
    assert refused.code == 66
    assert "hint: files that end with .glb, .gltf, .obj, .stl, .ply are looked for" in refused.err


def test_a_name_that_is_no_utf8_is_said_before_anything_is_built(models: Path, tmp_path: Path) -> None:
    """As archives of other times leave them: no plan and no journal could hold it."""
    odd = Path(os.fsdecode(os.fsencode(models) + b"/caf\xe9.glb"))
    gltf_files.write_glb(odd, *gltf_files.document(sphere(30)))
    for command in (("plan", models, "--out", tmp_path / "plan.jsonl"), ("run", models, "--out", tmp_path / "out")):
        refused = run("batch", *command)
        assert refused.code == 65
        assert "caf\\udce9.glb: the name is not UTF-8\n\nhint: rename it" in refused.err
    assert not (tmp_path / "plan.jsonl").exists()


def test_names_in_any_script_are_planned(models: Path, tmp_path: Path) -> None:
    """Each a name of its own, also where all that a-z knows of them is alike; which it is, is said."""
    for number, name in enumerate(("椅子 2", "桌子 2", "🛋", "Größe")):
        gltf_files.write_glb(models / "deep" / f"{name}.glb", *gltf_files.document(sphere(20 + number)))
    planned = run("batch", "plan", models / "deep", "--out", tmp_path / "plan.jsonl")
    made = {Path(item.source).stem: item.asset for item in read_plan(tmp_path / "plan.jsonl")}
    assert made["Größe"] == "grosse"
    for name, pattern in (("椅子 2", r"2-[0-9a-f]{8}"), ("桌子 2", r"2-[0-9a-f]{8}"), ("🛋", r"asset-[0-9a-f]{8}")):
        assert re.fullmatch(pattern, made[name])
        assert f"{name}.glb: is named {made[name]}; a list of sources can say otherwise" in planned.err
    assert made["椅子 2"] != made["桌子 2"]
    assert "Größe.glb: is named" not in planned.err


def test_a_list_names_assets_categories_and_configs(models: Path, tmp_path: Path) -> None:
    """CSV or JSON Lines; names are relative to the list; what it leaves open the command says."""
    (models / "own.toml").write_text("[textures]\nbake = 'never'\n")
    (models / "night.csv").write_text(
        "source,asset,category,config\nChair.glb,big-chair,furniture,own.toml\ndeep/Lamp (v2).GLB,,,\n"
    )
    first, second = plan_batch([models / "night.csv"], category="gadgets").items
    assert (first.asset, first.category, first.config) == ("big-chair", "furniture", str(models / "own.toml"))
    assert (second.asset, second.category, second.config) == ("lamp-v2", "gadgets", None)


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("a.csv", "source,colour\nChair.glb,red\n", "line 2: unknown column colour"),
        ("a.csv", "asset\nchair\n", "line 2: no source"),
        ("a.jsonl", '{"source": "Chair.glb"}\n{source: 1}\n', "line 2: not JSON"),
        ("a.jsonl", '["Chair.glb"]\n', "line 1: not a JSON object"),
        ("a.jsonl", '{"source": "gone.glb"}\n', "gone.glb: no such file"),
        ("a.jsonl", '{"source": "Chair.glb", "asset": "No Slug"}\n', "'No Slug' cannot name an asset"),
    ],
)
def test_a_list_that_is_wrong_is_refused_by_place(models: Path, name: str, text: str, fault: str) -> None:
    """File, line and what is wrong."""
    (models / name).write_text(text)
    with pytest.raises((UsageError, MissingFile)) as caught:
        plan_batch([models / name])
    assert fault in caught.value.message


def test_a_config_that_is_wrong_is_said_when_planned(models: Path) -> None:
    """Not at night, a hundred times."""
    (models / "own.toml").write_text("[levels.preview]\nscreen = 3\n")
    with pytest.raises(ConfigError, match=r"unknown key levels\.preview\.screen"):
        plan_batch([models], config=models / "own.toml")


def test_shards_are_the_whole_and_nothing_twice(models: Path) -> None:
    """Every asset is in exactly one share, and a share is the same wherever it is planned."""
    shares = [names(models, shard=(number, 3)) for number in (1, 2, 3)]
    assert sorted(name for share in shares for name in share) == names(models)
    assert shares[1] == names(models / "*", shard=(2, 3))


def test_what_is_published_unchanged_is_left_out(models: Path, tmp_path: Path) -> None:
    """By source, settings and version; a source that changed is planned, and so is another setting."""
    config, store = models / "own.toml", tmp_path / "store"
    config.write_text("[textures]\nbake = 'never'\n")
    for source in (models / "table.glb", models / "deep" / "shelf.gltf"):
        _publish(source, store, load_config(config, category="furniture").sha256)
    same = {"config": config, "category": "furniture", "to": str(store)}
    assert names(models, **same) == ["chair", "lamp-v2"]
    assert plan_batch([models], **same).count("published") == 2  # type: ignore[arg-type]
    assert names(models, **{**same, "config": None}) == names(models)
    gltf_files.write_glb(models / "table.glb", *gltf_files.document(sphere(30)))
    assert names(models, **same) == ["chair", "lamp-v2", "table"]


def _publish(source: Path, store: Path, config_sha256: str) -> None:
    """As if this source had been built with these settings."""
    made = bundles.bundle(store.parent / "made", source.stem)
    data = source.read_bytes()
    manifest = made.manifest.model_copy(
        update={
            "source": SourceRecord(sha256=bundles.digest(data), bytes=len(data), format="glb", triangles=1),
            "config_sha256": config_sha256,
            "tool": ToolRecord(version=__version__),
        }
    )
    files = {name: (made.folder / name).read_bytes() for name in made.recorded}
    write_bundle(made.folder, files, manifest)
    publish(made.folder, to=store)


def test_estimates_follow_triangles_pictures_and_materials(tmp_path: Path) -> None:
    """More of anything takes longer; a file that cannot be read is guessed by its size."""
    small = gltf_files.write_glb(tmp_path / "small.glb", *gltf_files.document(sphere(8)))
    large = gltf_files.write_glb(tmp_path / "large.glb", *gltf_files.document(sphere(300)))
    broken = tmp_path / "broken.glb"
    broken.write_bytes(b"glTF" + b"\xff" * 50_000_000)
    seconds, memory = zip(
        *(estimate(Found(str(path), path.stat().st_size)) for path in (small, large, broken)), strict=True
    )
    assert seconds[0] < seconds[1] < seconds[2]
    assert memory[0] < memory[1] < memory[2]


def test_pictures_count_by_their_pixels(tmp_path: Path) -> None:
    """A PNG beside the file, one inside, a JPEG: sizes are read from their first bytes."""
    from PIL import Image

    document, data = gltf_files.document(sphere(8))
    plain = gltf_files.write_gltf(tmp_path / "plain.gltf", document, data)
    Image.new("RGB", (3000, 1000)).save(tmp_path / "a b.png")
    Image.new("RGB", (3000, 1000)).save(tmp_path / "c.jpg")
    document["images"] = [{"uri": "a%20b.png"}, {"uri": "c.jpg"}]
    dressed = gltf_files.write_gltf(tmp_path / "dressed.gltf", document, data)
    (_, without), (_, having) = (estimate(Found(str(path), 1)) for path in (plain, dressed))
    assert having - without == 12 * 6


def test_a_broken_plan_is_refused_by_line(tmp_path: Path) -> None:
    """And one that names an asset twice, by both sources."""
    item = Item(source="/a.glb", asset="a", bytes=1)
    path = tmp_path / "plan.jsonl"
    path.write_bytes(plan_bytes([item]) + b'{"source": "/b.glb", "bytes": -1, "asset": "b"}\n')
    with pytest.raises(UsageError, match=r"plan\.jsonl: line 2: bytes: "):
        read_plan(path)
    path.write_bytes(plan_bytes([item]) + plan_bytes([item.model_copy(update={"source": "/c.glb"})]))
    with pytest.raises(UsageError, match=r"/a\.glb and /c\.glb would both become the asset a"):
        read_plan(path)


def test_the_commands_plan_and_run(models: Path, tmp_path: Path) -> None:
    """Counts and sums on stderr, items as JSON on stdout; a run says JSON lines when nobody looks, and a summary."""
    done = run("batch", "plan", models, "--out", tmp_path / "plan.jsonl", "--json")
    assert done.code == 0, done.err
    assert [json.loads(line)["asset"] for line in done.out.splitlines()] == ["chair", "lamp-v2", "shelf", "table"]
    assert "4 assets" in done.err
    assert "cost" not in done.err
    (tmp_path / "shop.toml").write_text("[batch]\nprice_per_vcpu_hour = 90.0\n")
    priced = run("batch", "plan", models, "--out", tmp_path / "priced.jsonl", "--config", tmp_path / "shop.toml")
    seconds = sum(json.loads(line)["seconds"] for line in done.out.splitlines())
    assert f"cost {seconds / 40:,.2f}," in priced.err, priced.err
    assert run("batch", "run", tmp_path / "plan.jsonl").code == 2
    assert run("batch", "run", tmp_path / "plan.jsonl", "--out", tmp_path, "--category", "fashion").code == 2
    assert run("batch", "plan", models, "--out", tmp_path / "p", "--shard", "3/2").code == 2


def test_a_night_without_news_is_no_fault(models: Path, tmp_path: Path) -> None:
    """Everything is published: the plan is empty, and running it does nothing, well."""
    (tmp_path / "plan.jsonl").write_bytes(b"")
    done = run("batch", "run", tmp_path / "plan.jsonl", "--out", tmp_path / "out", "--json")
    assert (done.code, done.out) == (0, ""), done.err
    assert (tmp_path / "out" / "results.jsonl").read_text() == ""


def test_places_that_cannot_be_are_said_before_anything_is_built(models: Path, tmp_path: Path) -> None:
    """A file where a store should be, in a plan's run too, and metrics into a folder that is not there. A plan's own
    folder is made, and nothing is left beside it."""
    plan = tmp_path / "new" / "deep" / "plan.jsonl"
    assert run("batch", "plan", models, "--out", plan).code == 0
    assert [path.name for path in plan.parent.iterdir()] == ["plan.jsonl"]
    (tmp_path / "file").touch()
    out = ("--out", tmp_path / "out")
    for wrong, code, fault in (
        (("--to", tmp_path / "file"), 2, "is a file"),
        (("--metrics", tmp_path / "none" / "metrics.jsonl"), 70, "none"),
    ):
        done = run("batch", "run", plan, *out, *wrong)
        assert (done.code, "Traceback" in done.err, fault in done.err) == (code, False, True), done.err
        assert not (tmp_path / "out").exists()
    folder = run("batch", "plan", models, "--out", models)
    assert (folder.code, "a folder stands where a file must be" in folder.err) == (77, True), folder.err
