"""What a publisher left that was stopped is seen where one looks, and one command finishes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assetpipe.config import Publish, load_config
from assetpipe.delivery import rounds, unfinished
from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.open_catalog import open_catalog
from assetpipe.delivery.open_store import open_store
from assetpipe.delivery.publish import publish_asset
from assetpipe.delivery.rounds import Rounds
from assetpipe.delivery.unfinished import waiting
from tests.commands import run
from tests.delivery.bundles import bundle
from tests.delivery.typed import lines, objects, stamps
from tests.delivery.worlds import no_sync  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("no_sync")
SETTINGS: Publish = load_config().publish


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def stopped(tmp_path: Path, store: Path) -> FolderStore:
    """Chair is published, and its publisher gone before it was in any index; of the lamps a round was begun in vain."""
    opened = open_store(str(store), SETTINGS)
    assert isinstance(opened, FolderStore)
    publish_asset(bundle(tmp_path, "chair"), opened, open_catalog(opened, SETTINGS), SETTINGS)
    assert Rounds(opened, SETTINGS.index_seconds).join("lamps") == "ours"
    return opened


@pytest.fixture
def long_ago(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A round takes no time at all, so whatever is there is older: the config that says so."""
    for module in (rounds, unfinished):
        monkeypatch.setattr(module, "WORK", 0.0)
    (tmp_path / "shop.toml").write_text("[publish]\nindex_seconds = 0\n")
    return tmp_path / "shop.toml"


def test_what_is_under_way_is_not_told_as_left(stopped: FolderStore, store: Path) -> None:
    """A publish takes a while to reach index and caches: what is younger than any round takes is nobody's fault."""
    assert waiting(stopped, open_catalog(stopped, SETTINGS), SETTINGS.index_seconds) == []
    health = lines(run("doctor", "--store", store, "--json"))[0]["items"]
    assert [item["name"] for item in health] == ["folder", "write", "catalog"]
    assert "was stopped" not in run("catalog", "list", "--store", store).err
    nothing = run("catalog", "finish", "--store", store)
    assert (nothing.code, nothing.out) == (0, "nothing was left to do\n")


def test_what_a_stopped_publisher_left_is_shown_and_finished(stopped: FolderStore, store: Path, long_ago: Path) -> None:
    """The doctor fails and names each category with the cure, the list says it beside; a rehearsal writes nothing; then
    the index has the chair, the catalog knows that it was told, and nobody finds fault any more."""
    place = ("--store", store, "--config", long_ago)
    ill, listed, before = run("doctor", *place), run("catalog", "list", *place), stamps(store)
    assert (ill.code, ill.out.count("assetpipe catalog finish --store")) == (69, 2)
    assert "nobody was told of 1 asset, and the index may lack it" in ill.out
    assert listed.err.startswith("a publisher was stopped in lamps: ")
    (rehearsed,) = lines(run("catalog", "finish", *place, "--dry-run", "--json"))
    assert [(one["category"], one["assets"], one["round"]) for one in rehearsed["finished"]] == [
        ("furniture", 1, False),
        ("lamps", 0, True),
    ]
    assert stamps(store) == before
    done = run("catalog", "finish", *place)
    assert (done.code, done.out.splitlines()[0]) == (0, "furniture: finished, 1 asset was waiting")
    index = json.loads(objects(store)["furniture/manifest/index.json"])
    assert [asset["asset"] for asset in index["assets"]] == ["chair"]
    assert all(entry.announced == entry.sequence for entry in open_catalog(stopped, SETTINGS).listing("furniture"))
    assert "unfinished" not in run("doctor", *place).out
    assert (run("catalog", "list", *place).err, run("catalog", "finish", *place).out) == (
        "",
        "nothing was left to do\n",
    )


def test_one_category_is_finished_whatever_is_known_of_it(stopped: FolderStore, store: Path) -> None:
    """Whoever names it need not wait until it is old; a name that cannot be one is refused."""
    assert stopped.read("furniture/manifest/index.json") is None
    assert run("catalog", "finish", "--store", store, "--category", "furniture").code == 0
    assert stopped.read("furniture/manifest/index.json")
    for name, said in (
        ("Möbel", "cannot be a category"),
        ("", "An empty word after --category"),
        ("sofas", "there are: furniture"),
    ):
        for command in ("finish", "verify"):
            refused = run("catalog", command, "--store", store, "--category", name)
            assert (refused.code, said in refused.err) == (2, True), refused.err
