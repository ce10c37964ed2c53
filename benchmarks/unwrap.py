"""Every unwrapper on a statue, an assembly of parts and a scan's levels: `python benchmarks/unwrap.py [--scan GLB]`.

Prints the table of docs/unwrapping.md. Needs `pip install -e .[unwrap]`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from statue import make_statue

from assetpipe.asset import TRIANGLES, Mesh, Node, Primitive, Scene
from assetpipe.config import load_config
from assetpipe.geometry.decimate import decimate
from assetpipe.geometry.prepare import prepare
from assetpipe.geometry.surface import Target
from assetpipe.geometry.unwrap import OWN, Unwrapping, unwrap
from assetpipe.sources import open_source, read_scene

PARTS = 60
STATUES, LEVELS = (2_000, 10_000, 50_000, 250_000), (10_000, 100_000)
ENGINES = (OWN, "xatlas", "uvatlas")
SECONDS = 120.0
HEAD = "| mesh | triangles | engine | seconds | charts | fill | stretch | vertices |\n|---|---|---|---|---|---|---|---|"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scan", type=Path, help="the sample model `scan`")
    scan = parser.parse_args().scan
    unwrap(_bare(make_statue(100)), Unwrapping(512, 4))  # kernels are loaded
    print(HEAD)
    for name, scene in _scenes(scan):
        for engine in ENGINES:
            print(_row(name, scene, engine), flush=True)


def _row(name: str, scene: Scene, engine: str) -> str:
    started = time.perf_counter()
    found = unwrap(scene, Unwrapping(2048, 4, (engine,), SECONDS))
    seconds = time.perf_counter() - started
    if found.engine != engine:
        return f"| {name} | {scene.triangles:,} | {engine} | {'; '.join(found.notes)} | | | | |"
    before, after = (
        sum(len(one.positions) for mesh in each.meshes for one in mesh.primitives) for each in (scene, found.scene)
    )
    verdict = found.verdict
    figures = (
        f"{seconds:.1f} | {found.charts:,} | {verdict.fill:.2f} | {verdict.stretch:.3f} | +{after / before - 1:.0%}"
    )
    return f"| {name} | {scene.triangles:,} | {engine} | {figures} |"


def _scenes(scan: Path | None) -> Iterator[tuple[str, Scene]]:
    yield "assembly", _assembly()
    for triangles in STATUES:
        yield "statue", _bare(make_statue(triangles))
    if scan:
        config = load_config()
        with open_source(scan, config.limits) as source:
            whole = _bare(prepare(read_scene(source, config.limits), config.geometry))
            for level in decimate(whole, [Target(most, 0.0) for most in sorted(LEVELS, reverse=True)]):
                yield "scan's level", level.scene


def _bare(scene: Scene) -> Scene:
    """Without UVs."""

    def stripped(one: Primitive) -> Primitive:
        return replace(
            one,
            attributes={
                name: array for name, array in one.attributes.items() if "UV" not in name and "TEX" not in name
            },
        )

    meshes = tuple(replace(mesh, primitives=tuple(map(stripped, mesh.primitives))) for mesh in scene.meshes)
    return replace(scene, meshes=meshes)


def _assembly() -> Scene:
    """Boxes, cylinders and balls of all sizes, each a part, as CAD systems hand them over: without normals."""
    dice = np.random.default_rng(3)
    parts = []
    for at in range(PARTS):
        points, triangles = (
            _revolved(((0.0, 1.0, 1.0, 0.0), (0.0, 0.0, 1.0, 1.0)), (4, 24, 24)[at % 3]) if at % 3 < 2 else _ball()
        )
        turn, _ = np.linalg.qr(dice.normal(size=(3, 3)))
        placed = (points * dice.uniform(0.1, 1, 3)) @ (turn * np.sign(np.linalg.det(turn))).T + dice.uniform(-4, 4, 3)
        parts.append(Primitive(TRIANGLES, triangles, {"POSITION": placed.astype(np.float32)}))
    return Scene((Node({"mesh": 0}),), (Mesh(tuple(parts)),), json={"scene": 0, "scenes": [{"nodes": [0]}]})


def _ball() -> tuple[np.ndarray, np.ndarray]:
    angles = np.linspace(0, np.pi, 13)
    return _revolved((tuple(np.sin(angles)), tuple(-np.cos(angles))), 24)


def _revolved(outline: tuple[tuple[float, ...], tuple[float, ...]], sides: int) -> tuple[np.ndarray, np.ndarray]:
    """Radii and heights from the bottom up, about the z axis."""
    radius, height = (np.array(values)[:, None] for values in outline)
    around = np.arange(sides) * 2 * np.pi / sides
    points = np.stack([radius * np.cos(around), radius * np.sin(around), height + 0 * around], axis=2).reshape(-1, 3)
    rows, columns = np.meshgrid(np.arange(len(radius) - 1), np.arange(sides), indexing="ij")
    a, b = rows * sides + columns, rows * sides + (columns + 1) % sides
    quads = np.stack([a, b, a + sides, b, b + sides, a + sides], axis=2)
    return points, quads.reshape(-1).astype(np.uint32)


if __name__ == "__main__":
    main()
