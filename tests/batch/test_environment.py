"""What children see of our environment: paths that lead where they lead from here, and of secrets what they need."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from assetpipe.batch.environment import environment_of
from assetpipe.batch.order import Order, Stage
from assetpipe.batch.plan import Item
from assetpipe.batch.run import carry_out
from assetpipe.caches import kernel_folder
from assetpipe.node import cache_folder
from tests.batch.nights import batch, items
from tests.batch.test_forks import built, item

TELL = """
import json, os
order = json.load(open("order.json"))
json.dump(dict(os.environ), open(order["out"] + "/seen.json", "w"))
json.dump({"levels": []}, open("outcome.json", "w"))
"""


def seen(stage: Stage, folder: Path) -> dict[str, str]:
    order = Order(stage=stage, item=Item(source="a.glb", asset="a", bytes=1), out="out", source="a.glb", runner=1)
    return environment_of(order, folder)


def test_a_real_child_finds_the_caches_that_we_name_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Node's packages and compiled kernels: a build that looked for them beside itself would fail."""
    wanted = (item(tmp_path / "in", "ball", seconds=5),)
    (tmp_path / "cache").symlink_to(cache_folder())
    (tmp_path / "kernels").symlink_to(kernel_folder())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSETPIPE_CACHE", "cache")
    monkeypatch.setenv("WARP_CACHE_PATH", "./kernels")
    assert built(Path("out"), wanted).done == 1


def test_each_place_is_the_same_for_a_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process of its own sees it, which works elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSETPIPE_CACHE", "../cache")
    monkeypatch.setenv("LD_LIBRARY_PATH", "lib::/opt/lib:")
    monkeypatch.setenv("PYTHONPATH", f"own{os.pathsep}{Path(__file__).parents[2]}")
    carry_out(batch(Path("out"), items(tmp_path / "in", ["a"]), command=(sys.executable, "-c", TELL)))
    said = json.loads((tmp_path / "out" / "seen.json").read_text())
    assert Path(said["ASSETPIPE_CACHE"]) == tmp_path / "../cache"
    assert said["LD_LIBRARY_PATH"] == f"{tmp_path}/lib:/opt/lib"
    assert f"{tmp_path}/own" in said["PYTHONPATH"].split(os.pathsep)


@pytest.mark.parametrize(
    ("named", "expected"),
    [("cache", "{here}/cache"), ("/cache", "/cache"), ("off", "off"), ("s3://shop/a", "s3://shop/a"), ("~/c", "~/c")],
)
def test_what_is_no_path_stays_as_it_is(
    named: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache may be a URL, or a word."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSETPIPE_STAGES", named)
    assert seen("build", tmp_path)["ASSETPIPE_STAGES"] == expected.format(here=tmp_path)


def test_keys_are_for_whoever_talks_to_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their files, too, are found from wherever it works; a build sees neither."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", "aws.cfg")
    publishing = seen("publish", tmp_path)
    assert (publishing["AWS_SECRET_ACCESS_KEY"], publishing["AWS_CONFIG_FILE"]) == ("secret", f"{tmp_path}/aws.cfg")
    assert not [name for name in seen("build", tmp_path) if name.startswith("AWS_")]
