"""Compiled kernels: where they are kept when there is no room, or no right, for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from assetpipe.config import load_config
from assetpipe.container import encode_geometry, write_glb
from tests.shapes import box, scene

FULL = """
import resource, signal
from assetpipe.errors import LimitExceeded
from assetpipe.kernels import kernel_cache, load
kernel_cache()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
import assetpipe.atlas.kernels.dilate as module
try:
    load(module.__name__)
except LimitExceeded as error:
    print(error)
"""

BESIDE = """
from assetpipe.kernels import kernel_cache
print(kernel_cache(), (kernel_cache().parent / "one").read_text())
"""


def test_a_folder_beside_one_that_cannot_be_written_to_goes_with_its_process(tmp_path: Path) -> None:
    """All that is in the other seems to be in it; the other stays as it was."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "one").write_text("kernel")
    program = f"import assetpipe.kernels as k; k._writable = lambda folder: False\n{BESIDE}"
    environment = {**os.environ, "WARP_CACHE_PATH": str(tmp_path), "TMPDIR": str(tmp_path / "tmp")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.startswith(f"{tmp_path / 'tmp'}/assetpipe-scratch-kernels-"), done.stderr
    assert done.stdout.endswith(" kernel\n")
    assert list((tmp_path / "tmp").iterdir()) == []
    assert (tmp_path / "one").read_text() == "kernel"


def test_the_first_build_on_a_machine_says_that_it_compiles(tmp_path: Path) -> None:
    """Once, before it does; and the next build, which doesn't, says nothing."""
    model = scene(box())
    (tmp_path / "box.glb").write_bytes(write_glb(model, encode_geometry(model, load_config().compression)))
    environment = {**os.environ, "WARP_CACHE_PATH": str(tmp_path / "kernels")}
    said = []
    for out in ("one", "two"):
        command = [sys.executable, "-m", "assetpipe", "build", str(tmp_path / "box.glb"), "--no-cache", "--log", "json"]
        command += ["--out", str(tmp_path / out)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
        events = [json.loads(line) for line in done.stderr.splitlines()]
        said.append([event["kind"] for event in events if event["message"].startswith("compiling kernels")])
    assert said == [["note"], []]


def test_kernels_that_find_no_room_are_said_with_their_place(tmp_path: Path) -> None:
    """As on a full disk: no file may grow."""
    environment = {**os.environ, "WARP_CACHE_PATH": str(tmp_path / "kernels")}
    command = [sys.executable, "-c", FULL]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert done.stdout.startswith(f"{tmp_path / 'kernels'}/")
    assert ": no room for the kernels of assetpipe.atlas.kernels.dilate: File too large" in done.stdout
    assert "WARP_CACHE_PATH" in done.stdout
