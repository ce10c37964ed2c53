"""The same source, config and version give the same bytes, wherever and however they are built."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from assetpipe.manifest import Manifest, json_schema

SURROUNDINGS = [
    {"PYTHONHASHSEED": "1", "LANG": "C", "TZ": "UTC"},
    {"PYTHONHASHSEED": "4711", "LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu", "one_core": "1"},
]


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("name", ["lamp", "gadget"])
def test_bytes_do_not_depend_on_the_surroundings(samples: Mapping[str, Path], tmp_path: Path, name: str) -> None:
    """Another working directory, locale, hash seed, time zone and number of cores: not one byte differs."""
    found = []
    for at, surroundings in enumerate(SURROUNDINGS):
        folder = tmp_path / f"run {at}"
        folder.mkdir()
        cores = ["taskset", "-c", "0"] if "one_core" in surroundings else []
        source = os.path.relpath(samples[name], folder) if at else str(samples[name])
        subprocess.run(
            [*cores, sys.executable, "-m", "assetpipe", "build", source, "--out", "out"],
            cwd=folder,
            env={**os.environ, **surroundings},
            check=True,
            capture_output=True,
        )
        found.append(digest(folder / "out" / name))
    assert len(found[0]) == 6
    assert found[0] == found[1]


def test_a_manifest_names_no_clock_host_or_path() -> None:
    """Its schema has no place for one."""
    words = {key for definition in json_schema()["$defs"].values() for key in definition["properties"]}
    assert not words & {"time", "date", "host", "path", "created", "user"}
    assert Manifest.model_config["frozen"]
