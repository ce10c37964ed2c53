"""What a bake holds beside the maps that it was asked for: measured in a process of its own, whose peak is its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PX = 2048
BESIDE = 4.5
"""Bytes per texel: what is covered, what the gutters have reached, a fading copy of a quarter. What is known of a
sample takes 20 bytes while its tile is worked on: for the whole picture that would be 84 MB."""
SLACK = 12_000_000

BAKE = """
import re, sys
from pathlib import Path
from assetpipe.baking import BakeRequest, bake, stage_source
from tests.baking.scenes import moved_uvs, normal_layer, square

def peak():  # ru_maxrss also counts what the parent held when it forked
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

level = moved_uvs(square(), (0.5, 0.5), (0.25, 0.25))
source = stage_source(square(), [normal_layer()], "cpu")
bake(source, level, BakeRequest(256, 0.01, threads=2))
before = peak()
bake(source, level, BakeRequest(int(sys.argv[1]), 0.01, threads=2))
print(peak() - before)
"""


def test_a_larger_picture_takes_its_maps_and_little_more() -> None:
    """Texels are worked on in tiles, so that 8192² with three maps stays within 2 GB: 6 bytes each for the maps' 3 and
    what must be known of every texel, none for rays and places met."""
    command = [sys.executable, "-c", BAKE, str(PX)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, timeout=600)
    grown = int(done.stdout)
    assert grown + SLACK > PX * PX * 3
    assert grown < PX * PX * (3 + BESIDE) + SLACK
