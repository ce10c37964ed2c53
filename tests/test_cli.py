"""The commands as people type them: transcripts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from assetpipe import __version__
from assetpipe.cli import cli
from tests import gltf_files
from tests.commands import run
from tests.shapes import sphere

ROOT = Path(__file__).parent.parent


def commands(command: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        yield path
        return
    for name, inner in command.commands.items():
        yield from commands(inner, (*path, name))


@pytest.fixture
def ball(tmp_path: Path) -> Path:
    """A sphere of a metre, 9,800 triangles, named as people name files."""
    return gltf_files.write_glb(tmp_path / "Oak Ball (v2).glb", *gltf_files.document(sphere(100, radius=0.5)))


@pytest.mark.parametrize("start", [["-m", "assetpipe"], [str(ROOT / "cli.py")]])
def test_there_is_one_program_however_it_is_started(start: list[str]) -> None:
    """`python -m assetpipe` and `python cli.py` are `assetpipe`."""
    done = subprocess.run([sys.executable, *start, "--version"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout) == (0, f"assetpipe {__version__}\n")


@pytest.mark.parametrize("command", sorted(cli.commands))
def test_every_command_has_an_example_and_stands_in_the_readme(command: str) -> None:
    """Help shows how to type it and what its exit codes mean."""
    done = run(command, "--help")
    assert done.code == 0
    assert f"assetpipe {command}" in done.out.split("Example:")[1]
    assert "--json" in done.out
    assert "78 the config is bad" in done.out
    assert f"assetpipe {command} " in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("words", sorted(commands()), ids=" ".join)
def test_help_is_written_for_people(words: tuple[str, ...]) -> None:
    """Every option says what it is, none by the name of a type of ours or with a fraction that nobody typed."""
    said = run(*words, "--help").out
    assert not re.search(r"FLOAT|INTEGER|RANGE|TEXT\b|default: \d+\.0", said)
    assert not [line for line in said.splitlines() if re.fullmatch(r"  --[a-z-]+( [A-Z]+)?", line)]


def test_build_makes_a_bundle_and_a_second_build_does_nothing(ball: Path, tmp_path: Path) -> None:
    """The bundle holds what its manifest names; the second run leaves every file as it is and says so."""
    first = run("build", ball, "--out", tmp_path / "out", "--category", "furniture")
    assert (first.code, first.out) == (0, ""), first.err
    folder = tmp_path / "out" / "oak-ball-v2"
    manifest = json.loads((folder / "manifest.json").read_text())
    names = [*(level["uri"] for level in manifest["levels"]), "manifest.json", "poster.webp", "report.html"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    assert [level["name"] for level in manifest["levels"]] == ["preview", "standard", "high"]
    assert manifest["category"] == "furniture"
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}

    again = run("build", ball, "--out", tmp_path / "out", "--category", "furniture")
    assert (again.code, again.out) == (0, "")
    assert "unchanged, nothing to do" in again.err
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.parametrize("change", ["source", "config", "damage", "force"])
def test_a_build_is_repeated_when_anything_changed(ball: Path, tmp_path: Path, change: str) -> None:
    """Another source, another setting, a damaged file or --force: each builds again."""
    run("build", ball, "--out", tmp_path / "out")
    level = tmp_path / "out" / "oak-ball-v2" / "preview.glb"
    stamp = level.stat().st_mtime_ns
    extra: list[object] = []
    if change == "source":
        gltf_files.write_glb(ball, *gltf_files.document(sphere(90, radius=0.5)))
    elif change == "config":
        (tmp_path / "shop.toml").write_text("[compression]\nposition_bits = 12\n")
        extra = ["--config", tmp_path / "shop.toml"]
    elif change == "damage":
        level.write_bytes(level.read_bytes()[:-1])
    else:
        extra = ["--force"]
    done = run("build", ball, "--out", tmp_path / "out", *extra)
    assert done.code == 0, done.err
    assert level.stat().st_mtime_ns != stamp


def test_json_prints_one_object_per_asset_on_stdout(ball: Path, tmp_path: Path) -> None:
    """Data and talk do not mix: stdout parses line by line."""
    built = run("build", ball, "--out", tmp_path / "out", "--json")
    (line,) = built.out.splitlines()
    assert json.loads(line)["asset"] == "oak-ball-v2"
    seen = run("inspect", "--json", ball, ball)
    assert [json.loads(line)["triangles"] for line in seen.out.splitlines()] == [9800, 9800]
    events = run("build", ball, "--out", tmp_path / "out", "--force", "--log", "json")
    kinds = [json.loads(line)["kind"] for line in events.err.splitlines()]
    assert kinds[-1] == "done"
    assert "step" in kinds


def test_a_dry_run_does_the_work_and_writes_nothing(ball: Path, tmp_path: Path) -> None:
    """The same summary, and no folder."""
    done = run("build", ball, "--out", tmp_path / "out", "--dry-run")
    assert done.code == 0
    assert re.search(r"preview [\d,]+ triangles", done.err)
    assert not (tmp_path / "out").exists()


def test_a_gpu_that_is_asked_for_and_not_there_fails_the_build(
    ball: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--device cuda` never bakes on the CPU in silence, and says so before any work; `cpu` always can."""
    monkeypatch.setattr("assetpipe.queries.device.wp.is_cuda_available", lambda: False)
    lacking = run("build", ball, "--out", tmp_path / "out", "--device", "cuda", "-v")
    assert lacking.code == 69
    assert "--device cuda: no NVIDIA GPU" in lacking.err
    assert "preparing" not in lacking.err
    assert list((tmp_path / "out").iterdir()) == []
    assert run("build", ball, "--out", tmp_path / "out", "--device", "cpu").code == 0


def test_inspect_says_what_is_in_a_source(ball: Path) -> None:
    """A person finds size, triangles and what a build would make."""
    done = run("inspect", ball)
    assert (done.code, done.err) == (0, "")
    assert re.search(r"^size +1\.000 × 1\.000 × 1\.000 m$", done.out, re.M)
    assert re.search(r"^triangles +9,800$", done.out, re.M)
    assert re.search(r"^preview +at most 9,800 +1.95 mm", done.out, re.M)


def test_names_that_would_meet_are_refused_before_any_work(ball: Path, tmp_path: Path) -> None:
    """Two sources may not become one asset, and --asset names one."""
    twin = tmp_path / "oak_ball.glb"
    twin.write_bytes(ball.read_bytes())
    other = twin.rename(tmp_path / "OAK BALL v2.glb")
    clash = run("build", ball, other, "--out", tmp_path / "out")
    assert clash.code == 2
    assert "would both become the asset oak-ball-v2" in clash.err
    assert run("build", ball, other, "--asset", "x", "--out", tmp_path / "out").code == 2
    assert run("build", ball, "--asset", "../x", "--out", tmp_path / "out").code == 2
    assert not (tmp_path / "out").exists()


def test_a_promise_that_cannot_be_kept_fails_the_asset(ball: Path, tmp_path: Path) -> None:
    """Exit code 70, with what it would take, and nothing left behind."""
    (tmp_path / "shop.toml").write_text("[levels.preview]\nmax_bytes = 900\n")
    done = run("build", ball, "--config", tmp_path / "shop.toml", "--out", tmp_path / "out")
    assert done.code == 70
    assert "max_bytes is 900" in done.err
    assert "[levels.preview]" in done.err
    assert list((tmp_path / "out").iterdir()) == []


def test_a_place_that_may_not_be_written_is_said(ball: Path, tmp_path: Path) -> None:
    """Exit code 77 when a file stands where the folder must be."""
    (tmp_path / "out").write_text("")
    done = run("build", ball, "--out", tmp_path / "out")
    assert done.code == 77
    assert "a file stands where a folder must be" in done.err


def test_usage_errors_exit_with_2(ball: Path) -> None:
    """What click refuses, it refuses in its own words."""
    assert run("build", ball).code == 2
    assert run("nonsense").code == 2
    assert run("build", "-v", "-q", ball, "--out", "x").code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--out", ""), "after --out"),
        (("--out", "x", "--category="), "in --category="),
        (("--out", "x", "--cache-gb", "nan"), "nan is no finite number"),
        (("--out", "x", "--cache", "ftp://x/y"), "is no kind of store"),
    ],
)
def test_what_a_variable_that_is_not_set_leaves_is_refused(
    words: tuple[str, ...], said: str, ball: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so is what only looks like a number, or a place: nothing is written here."""
    monkeypatch.chdir(ball.parent)
    done = run("build", ball, *words)
    assert (done.code, list(ball.parent.iterdir())) == (2, [ball])
    assert said in done.err


def test_a_category_that_is_nearly_one_of_ours_is_asked_about(ball: Path) -> None:
    """It may be meant; whoever slipped would publish into a category of its own."""
    assert "did you mean furniture?" in run("inspect", ball, "--category", "furnitur").err
    assert run("inspect", ball, "--category", "lamps").err == ""


def test_lists_of_commands_are_read_to_their_ends() -> None:
    """In 80 columns nothing is cut."""
    for group in ((), ("batch",), ("catalog",), ("cache",)):
        assert "..." not in run(*group, "--help").out.partition("Commands:")[2]


@pytest.mark.node
def test_check_passes_a_bundle_and_fails_a_damaged_or_oversized_one(ball: Path, tmp_path: Path) -> None:
    """0 when all is well; 65 when a file is not what it was; 70 when only a budget is broken."""
    run("build", ball, "--out", tmp_path / "out")
    folder = tmp_path / "out" / "oak-ball-v2"
    good = run("check", "--verbose", folder)
    assert good.code == 0, good.out + good.err
    assert "valid decoded: preview.glb, decoded: Khronos validator: 0 errors" in good.out
    (tmp_path / "shop.toml").write_text("[levels.high]\nmax_triangles = 120000\n[levels.preview]\nmax_triangles = 50\n")
    over = run("check", folder, "--config", tmp_path / "shop.toml")
    assert over.code == 70, over.out + over.err
    assert "allows at most 50" in over.out
    (folder / "high.glb").write_bytes(b"glTF")
    bad = run("check", folder, "--json")
    assert bad.code == 65
    assert json.loads(bad.out)["findings"][0]["verdict"] == "fail"


def test_doctor_tries_each_part(ball: Path) -> None:
    """Every codec that a build needs has encoded and decoded something."""
    done = run("doctor", "--json")
    items = {item["name"]: item["state"] for item in json.loads(done.out)["items"]}
    assert done.code == 0, done.err
    assert {items[name] for name in ("draco", "meshopt", "images", "kernels", "cache")} == {"ok"}
