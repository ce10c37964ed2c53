"""Folders for what is not to last: gone when their process has ended, however that was; with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from assetpipe.scratch import PREFIX, scratch, sweep

HOLD = """
import sys
from assetpipe.scratch import scratch
with scratch("test") as folder:
    (folder / "deep").mkdir()
    (folder / "deep" / "file").write_text("x")
    print(folder, flush=True)
    sys.stdin.read()
"""
PARENT = HOLD.replace(
    "    sys.stdin",
    """\
    import subprocess
    print(subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL).pid, flush=True)
    sys.stdin""",
)
MANY = """
from assetpipe.scratch import scratch
for _ in range(60):
    with scratch("race") as folder:
        (folder / "mine").write_text("x")
        with scratch("race"):
            assert (folder / "mine").read_text() == "x"
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@contextmanager
def running(program: str, place: Path) -> Iterator[subprocess.Popen[str]]:
    """Killed when we leave, where it still runs."""
    environment = {**os.environ, "TMPDIR": str(place)}
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], env=environment, stdin=pipe, stdout=pipe, text=True) as own:
        yield own
        own.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def fail_in(folder: Path) -> None:
    (folder / "file").write_text("x")
    raise KeyError


def test_whoever_ends_leaves_nothing(place: Path) -> None:
    """By an error, too. Nobody else may look into it meanwhile."""
    with suppress(KeyError), scratch("test") as folder:
        assert folder.parent == place
        assert folder.stat().st_mode & 0o077 == 0
        fail_in(folder)
    assert list(place.iterdir()) == []


def test_the_dead_are_swept_and_the_living_are_not(place: Path) -> None:
    """kill -9: the next removes what is left, of that process only."""
    with running(HOLD, place) as dead:
        its = Path(said(dead))
    assert (its / "deep" / "file").read_text() == "x"
    with running(HOLD, place) as alive:
        kept = Path(said(alive))
        with scratch("test") as mine:
            assert sorted(place.iterdir()) == sorted([kept, mine])
            assert (kept / "deep" / "file").read_text() == "x"
        alive.communicate("")
    assert list(place.iterdir()) == []


def test_a_child_that_outlives_us_holds_nothing(place: Path) -> None:
    """It was started while we had the folder; what is left of us is swept all the same."""
    with running(PARENT, place) as parent:
        its, child = Path(said(parent)), int(said(parent))
    sweep(place)
    os.kill(child, signal.SIGKILL)  # it was alive
    assert not its.exists()


def test_what_is_not_ours_is_not_touched(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's folders; a link of that name, nor what it leads to; files; folders of other names."""
    elsewhere = place / "precious"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("x")
    (place / f"{PREFIX}link").symlink_to(elsewhere)
    (place / f"{PREFIX}file").write_text("x")
    (place / f"{PREFIX}other").mkdir()
    before = sorted(place.rglob("*"))
    with monkeypatch.context() as other:
        other.setattr("os.geteuid", lambda: os.getuid() + 1)
        sweep(place)
    assert sorted(place.rglob("*")) == before
    sweep(place)
    assert sorted(place.rglob("*")) == [path for path in before if path.name != f"{PREFIX}other"]


def test_many_that_come_and_go_at_once_never_lose_theirs(place: Path) -> None:
    """Each sweeps whenever it makes one; between its making and its lock lies a moment in which others may sweep it."""
    with ExitStack() as stack:
        racers = [stack.enter_context(running(MANY, place)) for _ in range(4)]
        assert [racer.wait(300) for racer in racers] == [0] * 4
    assert list(place.iterdir()) == []
