"""What a shopper's browser makes of a model: paths of GLBs in, what three.js drew and said out.

    [shown] = load_in_three([glb], out=tmp_path)
    assert shown["errors"] == [] and shown["triangles"] == 12

`npm ci` in this folder and a Chromium on PATH (or in $CHROMIUM) are needed; `require_browser()` fails a test in CI and
skips it elsewhere when one is missing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from assetpipe.quality.cameras import Camera

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class MissingToolError(RuntimeError):
    """Node, its packages or Chromium are not on this machine."""


def load_in_three(
    paths: Sequence[Path],
    out: Path | None = None,
    *,
    views: int = 1,
    cameras: Sequence[Camera] | None = None,
    samples: int = 1,
    px: int = 512,
    variant: str | None = None,
    time: float | None = None,
    shared_frame: bool = False,
) -> list[dict[str, Any]]:
    """Per file: `triangles`, `drawCalls`, `materials`, `textures`, `animations`, `skinned`, `morphTargets`, `variants`,
    `extents` {min, max}, `errors`, `warnings`, `failedRequests`, `pictures` (PNG paths in `out`).

    `views` go round the model; `time` poses its animations at that second; with `shared_frame` the camera of the first
    file serves all, so that pictures of several levels can be compared pixel by pixel.

    With parallel `cameras` the pictures are theirs instead, on nothing, each the mean of `samples` × `samples` that are
    shifted by parts of a pixel.
    """
    options = {
        "browser": find_browser(),
        "out": str(out.resolve()) if out else None,
        "views": views,
        "cameras": cameras and [_as_numbers(camera) for camera in cameras],
        "samples": samples,
        "px": px,
        "variant": variant,
        "time": time,
        "sharedFrame": shared_frame,
    }
    seconds = 300 + 60 * len(paths) * samples * samples
    printed = run_script("load.mjs", json.dumps(options), *map(str, paths), seconds=seconds)
    return [json.loads(line) for line in printed.splitlines()]


def _as_numbers(camera: Camera) -> dict[str, list[float]]:
    return {name: getattr(camera, name).tolist() for name in ("eye", "right", "up", "forward")}


def validate(path: Path) -> dict[str, Any]:
    """Khronos' validator's report on a GLB, by a caller that is not ours."""
    report: dict[str, Any] = json.loads(run_script("validate.mjs", str(path), seconds=600))
    return report


def require_browser() -> None:
    _require(find_browser)


def require_node() -> None:
    _require(find_node)


def find_browser() -> str:
    candidates = [os.environ.get("CHROMIUM"), *map(shutil.which, BROWSERS)]
    for candidate in filter(None, candidates):
        if Path(candidate).is_file():
            return candidate
    raise MissingToolError(
        f"no Chromium: install one, or name it in $CHROMIUM; looked for {', '.join(BROWSERS)} on PATH"
    )


def find_node() -> str:
    node = shutil.which("node")
    if node is None:
        raise MissingToolError("no node on PATH: install Node.js 20 or later")
    if not (HERE / "node_modules").is_dir():
        raise MissingToolError(f"no node_modules in tests/{HERE.name}: run `npm ci` there")
    return node


def run_script(script: str, *arguments: str, seconds: int) -> str:
    command = [find_node(), str(HERE / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=seconds, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{script} ended with {done.returncode}:\n{done.stderr.strip()}")
    return done.stdout


def _require(find: Any) -> None:
    try:
        find()
        find_node()
    except MissingToolError as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(str(missing))
