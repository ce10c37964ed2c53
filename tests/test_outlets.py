"""stdout and stderr as shells, cron and containers make them: a command still ends in a sentence, or in silence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import gltf_files
from tests.shapes import sphere

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def ball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gltf_files.write_glb(tmp_path_factory.mktemp("in") / "ball.glb", *gltf_files.document(sphere(8)))


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`assetpipe` is ours in it."""
    script = f'set -o pipefail; assetpipe() {{ "{sys.executable}" -m assetpipe "$@"; }}; {line}'
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize("command", ["inspect {}", "inspect --json {}"])
def test_a_reader_who_has_seen_enough_is_no_fault(command: str, ball: Path) -> None:
    """`| head`: no word of it, and no code that a script would stop at."""
    done = shell(f"assetpipe {command.format(ball)} | head -c 0")
    assert (done.returncode, done.stderr) == (0, "")


def test_outlets_that_are_closed_are_done_without(ball: Path) -> None:
    """As some daemons start their children; the exit code tells."""
    assert (shell(f"assetpipe inspect {ball} >&-").stderr, shell(f"assetpipe inspect {ball} >&- 2>&-").returncode) == (
        "",
        0,
    )
    assert shell("assetpipe inspect nowhere.glb 2>&-").returncode == 66


@pytest.mark.parametrize("command", ["inspect {}", "inspect --json {}"])
def test_a_full_disk_under_stdout_is_said(command: str, ball: Path) -> None:
    """In one sentence, with the exit code of a limit."""
    done = shell(f"assetpipe {command.format(ball)} > /dev/full")
    assert (done.returncode, done.stderr.count("\n")) == (70, 3)
    assert done.stderr.startswith("error: No space left on device: where stdout goes")


@pytest.mark.parametrize("start", [["-m", "assetpipe"], ["cli.py"]])
def test_a_python_without_our_packages_is_told_where_they_are(start: list[str]) -> None:
    """A checkout is tried with the system's Python first, by everybody."""
    command = [sys.executable, "-S", *start, "inspect", "sofa.glb"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.startswith(f"error: {sys.executable} has no package ")
    assert ".venv/bin/assetpipe" in done.stderr.split("hint: ")[1]


def test_a_terminal_of_few_letters_gets_what_it_can_show(ball: Path) -> None:
    """An × is spelt there; JSON says the same in letters that everybody has."""
    plain = shell(f"assetpipe inspect {ball}", PYTHONIOENCODING="ascii")
    assert (plain.returncode, r"\xd7" in plain.stdout, plain.stderr) == (0, True, "")
    named = ball.with_name("bäll.glb")
    named.write_bytes(ball.read_bytes())
    assert (
        json.loads(shell(f"assetpipe inspect --json {named}", PYTHONIOENCODING="ascii").stdout)["source"] == named.name
    )


@pytest.mark.parametrize("module", ["click", "pydantic", "assetpipe.cli", "assetpipe.config"])
def test_whoever_stops_us_while_we_load_reads_a_sentence(module: str, ball: Path) -> None:
    """Ctrl-C in the middle of any import: no traceback."""
    stop = f"""
import os, runpy, signal, sys
class Stop:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)  # of what runs in the background a shell has it ignored
sys.meta_path.insert(0, Stop())
sys.argv = ["assetpipe", "inspect", {str(ball)!r}]
runpy.run_module("assetpipe", run_name="__main__", alter_sys=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", stop], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.stdout, done.stderr) == ("", "stopped; nothing half-written is left behind\n")
    assert done.returncode in (130, -2)  # where code was being made of text, Python ends itself by the same signal
