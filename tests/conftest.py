"""What tests of all folders share: the sample models, made once per session, each when first asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

GENERATE = Path(__file__).parents[1] / "sample_models" / "generate.py"
NAMES = ("sofa", "gadget", "shoe", "garment", "lamp")


def pytest_configure() -> None:
    """What one test made is not to be taken for the work of another."""
    os.environ.setdefault("ASSETPIPE_STAGES", "off")


class Samples(Mapping[str, Path]):
    """Name -> GLB. `scan` is not listed, for it is heavy, but it is made like the others when asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getitem__(self, name: str) -> Path:
        if name not in (*NAMES, "scan"):
            raise KeyError(name)
        path = self.folder / f"{name}.glb"
        if not path.exists():
            generate(name, out=self.folder)
        return path

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


def generate(*arguments: str, out: Path) -> str:
    command = [sys.executable, str(GENERATE), *arguments, "--out", str(out)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, encoding="utf-8", timeout=600)
    if done.returncode != 0:
        pytest.fail(done.stderr)
    return done.stdout


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return Samples(tmp_path_factory.mktemp("samples"))
