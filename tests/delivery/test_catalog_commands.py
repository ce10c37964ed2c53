"""catalog and doctor --store as people type them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assetpipe.commands.catalog import catalog
from tests.commands import Transcript, run
from tests.delivery.bundles import bundle
from tests.delivery.servers import Server
from tests.delivery.typed import digest, lines, objects, stamps


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.mark.parametrize("command", sorted(catalog.commands))
def test_every_catalog_command_has_an_example_and_its_exit_codes(command: str) -> None:
    """Help shows how to type it."""
    done = run("catalog", command, "--help")
    assert done.code == 0
    assert f"assetpipe catalog {command}" in done.out.split("Example:")[1]
    assert "--json" in done.out
    assert "78 the config is bad" in done.out


def test_the_catalog_lists_newest_first_by_category_and_status_up_to_a_limit(tmp_path: Path, store: Path) -> None:
    """What a content editor asks in the morning: what is out, what was taken back."""
    for asset, category in (("chair", "furniture"), ("phone", "gadgets"), ("table", "furniture")):
        run("publish", bundle(tmp_path, asset, category=category).folder, "--to", store)
    run("publish", bundle(tmp_path, "chair", content="two").folder, "--to", store)
    assert run("catalog", "rollback", "chair", "--store", store).code == 0

    def names(*words: object) -> list[str]:
        return [entry["asset"] for entry in lines(run("catalog", "list", "--store", store, "--json", *words))]

    assert names() == ["chair", "table", "phone"]
    assert names("--category", "furniture") == ["chair", "table"]
    assert names("--status", "rolled_back") == ["chair"]
    assert names("--limit", "2") == ["chair", "table"]
    assert "only the newest 2" in run("catalog", "list", "--store", store, "--limit", 2).err
    table = run("catalog", "list", "--store", store).out.splitlines()
    assert [row.split()[0] for row in table] == ["asset", "chair", "table", "phone"]
    assert "rolled back" in table[1]
    assert "nothing like this is published" in run("catalog", "list", "--store", store, "--category", "fashion").out


def test_a_rollback_moves_the_pointer_back_and_show_tells_the_story(tmp_path: Path, store: Path) -> None:
    """A dry run moves nothing; the real one serves the first revision's bytes again and deletes none."""
    one, two = bundle(tmp_path, content="one"), bundle(tmp_path, content="two")
    first = lines(run("publish", one.folder, "--to", store, "--json"))[0]["revision"]
    second = lines(run("publish", two.folder, "--to", store, "--json"))[0]["revision"]
    pointer = store / "furniture" / "manifest" / "chair.json"
    assert first in run("catalog", "rollback", "chair", "--store", store, "--dry-run").out
    assert json.loads(pointer.read_text())["publication"]["revision"] == second

    done = run("catalog", "rollback", "furniture/chair", "--store", store, "--json")
    assert (lines(done)[0]["revision"], lines(done)[0]["changed"]) == (first, True)
    high = next(level for level in json.loads(pointer.read_text())["levels"] if level["name"] == "high")
    assert digest(pointer.parent / high["uri"]) == one.recorded["high.glb"]
    (shown,) = lines(run("catalog", "show", "chair", "--store", store, "--json"))
    assert [(move["sequence"], move["revision"]) for move in shown["moves"]] == [(3, first), (2, second), (1, first)]
    assert set(shown["revisions"]) == {first, second}
    assert second in run("catalog", "show", "chair", "--store", store).out.split("can become")[1]
    back = run("catalog", "rollback", "chair", "--revision", second[:5], "--store", store)
    assert f"furniture/chair is at revision {second}" in back.out
    assert run("catalog", "rollback", "chair", "--revision", "ffff", "--store", store).code == 2


def test_one_name_in_two_categories_is_asked_back(tmp_path: Path, store: Path) -> None:
    """`clock` may be furniture or a gadget."""
    for category in ("furniture", "gadgets"):
        run("publish", bundle(tmp_path, "clock", category=category).folder, "--to", store)
    asked = run("catalog", "show", "clock", "--store", store)
    assert asked.code == 2
    assert "furniture/clock, gadgets/clock" in asked.err
    assert lines(run("catalog", "show", "gadgets/clock", "--store", store, "--json"))[0]["category"] == "gadgets"


def test_verify_names_what_is_damaged_and_mends_what_can_be_made_again(tmp_path: Path, store: Path) -> None:
    """A flipped bit is exit code 65 until its bundle is published again; a lost index is mended from the pointers."""
    made = bundle(tmp_path)
    run("publish", made.folder, "--to", store)
    index = store / "furniture" / "manifest" / "index.json"
    kept = index.read_bytes()
    index.unlink()
    assert run("catalog", "verify", "--store", store).code == 65
    mended = run("catalog", "verify", "--store", store, "--mend")
    assert (mended.code, "mended" in mended.out) == (0, True)
    assert index.read_bytes() == kept

    high = next(store.glob("furniture/high/*.glb"))
    data = bytearray(high.read_bytes())
    data[7] ^= 1
    with high.open("r+b") as file:
        file.write(data)
    found = run("catalog", "verify", "--store", store, "--json")
    assert found.code == 65
    (fault,) = lines(found)[0]["verified"]["faults"]
    assert (fault["kind"], fault["key"]) == ("corrupt", f"furniture/high/{high.name}")
    run("catalog", "verify", "--store", store, "--discard")
    assert not high.exists()
    run("publish", made.folder, "--to", store)
    assert run("catalog", "verify", "--store", store).code == 0


def test_a_dry_run_without_the_catalogs_file_knows_what_is_published(tmp_path: Path, store: Path) -> None:
    """The file is made again from the store by whatever asks; a dry run knows as much and makes none."""
    for asset in ("chair", "table"):
        run("publish", bundle(tmp_path, asset).folder, "--to", store)
    real = next(store.glob("**/*.sqlite*"))
    for file in store.glob("**/*.sqlite*"):
        file.unlink()
    (said,) = lines(run("publish", bundle(tmp_path, "chair").folder, "--to", store, "--dry-run", "--json"))
    assert (said["changed"], said["sent"]) == (False, 0)
    assert not real.exists()


def as_reader(store: Path, *words: object) -> Transcript:
    """`assetpipe catalog WORDS` by somebody who may not write into the store; root is held to that by setpriv alone."""
    for path in (store, *store.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    bound = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []
    command = [*bound, sys.executable, "-m", "assetpipe", "catalog", *map(str, words), "--store", str(store)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Transcript(done.returncode, done.stdout, done.stderr)


def test_who_may_only_read_sees_what_is_published(tmp_path: Path, store: Path) -> None:
    """The catalog's file is locked by who asks it, so its answers come from the store; what writes is refused."""
    run("publish", bundle(tmp_path, "chair").folder, "--to", store)
    ours = lines(run("catalog", "list", "--store", store, "--json"))
    assert lines(as_reader(store, "list", "--json")) == ours
    for words in (("show", "chair"), ("verify",), ("gc", "--dry-run")):
        assert (as_reader(store, *words).code, words) == (0, words)
    refused = as_reader(store, "verify", "--mend")
    assert refused.code == 77
    assert "may not be written\n\nhint: choose another store, or ask for rights" in refused.err


def test_looking_into_a_folder_that_is_no_store_leaves_nothing_there(tmp_path: Path) -> None:
    """It may be another than was meant."""
    (tmp_path / "holiday").mkdir()
    assert "nothing like this is published" in run("catalog", "list", "--store", tmp_path / "holiday").out
    assert run("catalog", "show", "chair", "--store", tmp_path / "holiday").code == 2
    assert list((tmp_path / "holiday").iterdir()) == []


def test_gc_notes_first_and_says_what_it_keeps(tmp_path: Path, store: Path) -> None:
    """Never at once: the first run marks what nothing current names, deletes nothing, and everything stays verified."""
    for content in ("one", "two"):
        run("publish", bundle(tmp_path, content=content).folder, "--to", store)
    before = objects(store)
    rehearsed = run("catalog", "gc", "--store", store, "--days", 0, "--dry-run", "--json")
    marked = lines(rehearsed)[0]["marked"]
    assert [key.split("/")[1] for key in marked] == ["high", "history", "poster", "standard"]
    assert objects(store) == before
    done = run("catalog", "gc", "--store", store, "--days", 0)
    assert done.code == 0
    assert "0 objects, 0 kB deleted" in done.out
    assert "4 objects are named by nothing current" in done.out
    assert before.items() <= objects(store).items()


def test_doctor_tries_a_store(tmp_path: Path, store: Path, moto: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is written to and left as it was; a bucket without its table fails, with the command that makes it."""
    run("publish", bundle(tmp_path).folder, "--to", store)
    before = stamps(store)
    done = run("doctor", "--store", store, "--json")
    assert {item["name"]: item["state"] for item in lines(done)[0]["items"]} == {
        "folder": "ok",
        "write": "ok",
        "catalog": "ok",
    }
    assert stamps(store) == before
    assert sorted(path.name for path in store.iterdir()) == [".assetpipe", "furniture"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto.url)
    lacking = run("doctor", "--store", f"s3://{moto.bucket()}/eu")
    assert lacking.code == 69
    assert "missing: catalog" in lacking.err
    assert "assetpipe catalog init" in lacking.out
