"""Every triangle gets a place of its own in the texture, whatever the mesh and whatever an engine does."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from assetpipe.asset import TRIANGLES, Array, Primitive, Scene
from assetpipe.geometry.unwrap import Unwrapped, Unwrapping, unwrap
from assetpipe.queries.uv_raster import cover_square, paint
from benchmarks.statue import make_statue
from tests.shapes import box, scene, sphere, torus

PX, GUTTER = 512, 4.0
OWN = Unwrapping(PX, GUTTER)


def stripped(shape: Primitive) -> Primitive:
    return replace(shape, attributes={k: v for k, v in shape.attributes.items() if k != "TEXCOORD_0"})


def bare(points: object, triangles: object) -> Primitive:
    indices = np.asarray(triangles, np.uint32).reshape(-1)
    return Primitive(TRIANGLES, indices, {"POSITION": np.asarray(points, np.float32).reshape(-1, 3)})


def primitives(found: Unwrapped) -> list[Primitive]:
    return [primitive for mesh in found.scene.meshes for primitive in mesh.primitives]


def corners(found: Unwrapped) -> Array:
    """(f, 3, 2) of all triangles."""
    return np.concatenate([one.attributes["TEXCOORD_0"][one.indices] for one in primitives(found)]).reshape(-1, 3, 2)


def overlap(found: Unwrapped) -> float:
    return cover_square(corners(found) * PX, PX).overlap


def spiral() -> Primitive:
    """A ramp of three turns: from above each lies on the one below."""
    turns = np.linspace(0, 20, 400)
    points = [[np.cos(t) * r, np.sin(t) * r, t * 0.02] for t in turns for r in (0.5, 1)]
    quads = [[[2 * i, 2 * i + 1, 2 * i + 2], [2 * i + 2, 2 * i + 1, 2 * i + 3]] for i in range(399)]
    return bare(points, quads)


def rough() -> Primitive:
    """Noise ten times as high as its cells are wide."""
    x, y = np.meshgrid(np.arange(30), np.arange(30))
    heights = np.random.default_rng(0).normal(size=(30, 30)) * 2
    c = np.arange(900).reshape(30, 30)
    a, b, c, d = c[:-1, :-1], c[:-1, 1:], c[1:, :-1], c[1:, 1:]
    return bare(np.stack([x, y, heights], axis=2), np.stack([a, b, c, b, d, c], axis=2))


def fan(heights: Array) -> Primitive:
    """Triangles round one point, their rim at these heights."""
    turns = np.linspace(0, 2 * np.pi, len(heights), endpoint=False)
    rim = np.stack([np.cos(turns), np.sin(turns), heights], axis=1)
    at = np.arange(len(heights))
    return bare([[0, 0, 0.3], *rim], np.stack([0 * at, 1 + at, 1 + (1 + at) % len(at)], axis=1))


def moebius() -> Primitive:
    """One side, one edge: no way to turn all triangles the same way."""
    turns = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    across = np.linspace(-0.3, 0.3, 5)
    radius = 1 + across * np.cos(turns / 2)[:, None]
    height = across * np.sin(turns / 2)[:, None]
    points = np.stack([radius * np.cos(turns)[:, None], radius * np.sin(turns)[:, None], height], axis=2)
    number = np.arange(600).reshape(120, 5)
    ahead = np.concatenate([number[1:], number[:1, ::-1]])
    a, b, c, d = number[:, :-1], number[:, 1:], ahead[:, :-1], ahead[:, 1:]
    return bare(points, np.stack([a, b, c, c, b, d], axis=2))


def dice() -> np.random.Generator:
    return np.random.default_rng(3)


TRIANGLE = [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
SHAPES = {
    "one triangle": bare(TRIANGLE, [0, 1, 2]),
    "a plane": bare([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [0, 1, 2, 0, 2, 3]),
    "a point": bare(np.zeros((3, 3)), [0, 1, 2]),
    "a line": bare([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [0, 1, 2]),
    "a needle": bare([[0, 0, 0], [1000, 0, 0], [1000, 0.001, 0]], [0, 1, 2]),
    "a corner at infinity": bare([*TRIANGLE, [np.inf, 0, 0]], [0, 1, 2, 1, 3, 2]),
    "no numbers": bare(np.full((3, 3), np.nan), [0, 1, 2]),
    "light years": bare(np.array(TRIANGLE) * 1e30, [0, 1, 2]),
    "atoms": bare(np.array(TRIANGLE) * 1e-30, [0, 1, 2]),
    "an edge of 300 triangles": bare(dice().normal(size=(302, 3)), [[0, 1, i] for i in range(2, 302)]),
    "a triangle 100 times": bare(TRIANGLE, [[0, 1, 2]] * 100),
    "random triangles": bare(dice().normal(size=(200, 3)), dice().integers(0, 200, (2000, 3))),
    "5,000 pieces": bare(dice().normal(size=(5000, 1, 3)) + dice().normal(size=(5000, 3, 3)) / 20, np.arange(15_000)),
    "a spiral": spiral(),
    "a moebius strip": moebius(),
    "a fan of 6,000": fan(np.zeros(6_000)),
    "a crown of 6,000": fan(dice().normal(size=6_000)),
    "noise": rough(),
    "a sphere": stripped(sphere(24)),
    "a torus": stripped(torus(24)),
    "a box": stripped(box()),
}


@cache
def unwrapped(name: str) -> Unwrapped:
    return unwrap(scene(SHAPES[name]), OWN)


@pytest.mark.parametrize("name", SHAPES)
def test_the_own_engine_ends_and_no_two_triangles_share_a_texel(name: str) -> None:
    """Finite, within 0..1, apart, on meshes that hang or crash others."""
    shape, found = SHAPES[name], unwrapped(name)
    uvs = corners(found)
    assert found.engine == "charts"
    assert len(uvs) == shape.triangles
    assert np.isfinite(uvs).all()
    assert uvs.min() >= 0 <= 1 - uvs.max()
    assert overlap(found) <= 0.001


@pytest.mark.parametrize("name", SHAPES)
def test_triangles_keep_their_corners_and_all_else_at_them(name: str) -> None:
    """`sources` says which vertex each was, so whatever lies at vertices travels."""
    shape, found = SHAPES[name], unwrapped(name)
    [one] = primitives(found)
    np.testing.assert_array_equal(found.sources[0, 0][one.indices], shape.indices)
    for semantic, values in shape.attributes.items():
        np.testing.assert_array_equal(one.attributes[semantic][one.indices], values[shape.indices])


@pytest.mark.parametrize("name", ["a sphere", "a torus", "a box", "a spiral", "5,000 pieces", "noise"])
def test_between_charts_lie_gutters(name: str) -> None:
    """Texels of two charts are never nearer than the gutter, a texel's own width less, and none lies at the border."""
    found = unwrapped(name)
    texels = paint(corners(found) * PX, np.array([[PX, PX]]), np.zeros(len(corners(found)))).owners.reshape(PX, PX)
    [one] = primitives(found)
    chart = pieces(one)
    owners = np.where(texels >= 0, chart[texels], -1)
    reach = int(found.gutter) - 1
    for dx in range(-reach, reach + 1):
        for dy in range(reach + 1):
            here = owners[: PX - dy, max(0, -dx) : PX - max(0, dx)]
            there = owners[dy:, max(0, dx) : PX - max(0, -dx)]
            assert not ((here >= 0) & (there >= 0) & (here != there)).any(), (dx, dy)
    border = int(found.gutter / 2)
    assert (owners[:border] < 0).all()
    assert (owners[:, -border:] < 0).all()


def pieces(one: Primitive) -> Array:
    """(f,) which triangles hang together in the texture: share a UV."""
    _, vertex = np.unique(one.attributes["TEXCOORD_0"], axis=0, return_inverse=True)
    faces = vertex.reshape(-1)[one.indices].reshape(-1, 3)
    label = np.arange(vertex.max() + 1)
    while True:
        lowest = label[faces].min(axis=1)
        new = label.copy()
        np.minimum.at(new, faces, lowest[:, None])
        if np.array_equal(new, label):
            return label[faces[:, 0]]
        label = new


def test_texels_are_shared_out_by_size_in_the_world() -> None:
    """A mesh that its node shows ten times as large gets ten times the texels along its edges."""
    both = scene(stripped(box()), stripped(box()))
    first, second = both.meshes[0].primitives
    nodes = (replace(both.nodes[0], json={"mesh": 0}), replace(both.nodes[0], json={"mesh": 1, "scale": [4, 4, 4]}))
    meshes = (replace(both.meshes[0], primitives=(first,)), replace(both.meshes[0], primitives=(second,)))
    json = {**both.json, "scenes": [{"nodes": [0, 1]}]}
    found = unwrap(Scene(nodes, meshes, json=json), OWN)
    small, large = (areas(one) for one in primitives(found))
    assert large / small == pytest.approx(16, rel=1e-3)


def areas(one: Primitive) -> float:
    a, b, c = one.attributes["TEXCOORD_0"][one.indices].reshape(-1, 3, 2).transpose(1, 2, 0).astype(float)
    return float(np.abs((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])).sum() / 2)


def test_nothing_is_mirrored() -> None:
    """v grows downwards, so a triangle seen from its front turns clockwise in (u, v)."""
    uvs = corners(unwrapped("a torus")).astype(float)
    one, other = uvs[:, 1] - uvs[:, 0], uvs[:, 2] - uvs[:, 0]
    assert (one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0] < 0).all()


def test_uvs_that_are_there_stay_unless_they_are_to_be_replaced() -> None:
    """A level whose seams were released asks for new ones; a source with UVs keeps its own."""
    both = scene(box(), stripped(box()))
    kept = unwrap(both, OWN)
    assert primitives(kept)[0] is both.meshes[0].primitives[0]
    assert list(kept.sources) == [(0, 1)]
    assert list(unwrap(both, replace(OWN, replaces=True)).sources) == [(0, 0), (0, 1)]
    assert unwrap(scene(box()), OWN).engine == ""


def test_creases_are_seams_where_they_cut_few_pieces() -> None:
    """A box with hard edges has six charts, so no filter mixes two sides' normals; a faceted sphere is left whole."""
    assert unwrapped("a box").charts == 6
    shape = stripped(sphere(48))
    flat = bare(shape.positions[shape.indices], np.arange(len(shape.indices)))
    normals = np.repeat(np.cross(*np.diff(flat.positions.reshape(-1, 3, 3), axis=1).transpose(1, 0, 2)), 3, axis=0)
    faceted = replace(flat, attributes={**flat.attributes, "NORMAL": normals.astype(np.float32)})
    assert unwrap(scene(faceted), OWN).charts < 60


def test_a_smooth_surface_is_drawn_nearly_true() -> None:
    """Stretch, charts and fill of a statue, within what docs/unwrapping.md says."""
    found = unwrap(scene(stripped(make_statue(10_000).meshes[0].primitives[0])), OWN)
    assert found.verdict.stretch < 1.02
    assert found.verdict.fill > 0.5
    assert found.charts < 60


BAD_ENGINES = {
    "hangs": ("while True: pass", "had no result after 2 s"),
    "hoards": ("[bytearray(1 << 26) for _ in range(1 << 20)]", "MemoryError"),
    "crashes": ("import os; os.abort()", "crashed (SIGABRT)"),
    "is not there": ("raise ImportError('no module of this name')", "pip install 'assetpipe[unwrap]'"),
    "talks": ("import os; os.write(1, b'nonsense'); raise ValueError('no idea')", "ValueError: no idea"),
}
MODULES = {"xatlas": "xatlas", "uvatlas": "open3d"}


@pytest.mark.parametrize(
    ("engine", "fault"), [*(("xatlas", fault) for fault in BAD_ENGINES), ("uvatlas", "is not there")]
)
def test_an_engine_that_fails_is_ended_and_passed_over(
    engine: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline and the limit of memory hold, no process stays, and the note says why, with the cure."""
    code, reason = BAD_ENGINES[fault]
    (tmp_path / f"{MODULES[engine]}.py").write_text(f"{code}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    settings = replace(OWN, engines=(engine,), seconds=2.0 if fault == "hangs" else 600.0, memory_mb=512)
    found = unwrap(scene(stripped(box())), settings)
    assert found.engine == "charts"
    assert found.notes[0].startswith(f"{engine}: ")
    assert reason in found.notes[0]
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert '"memory_mb": 512' not in running


@pytest.mark.parametrize("engine", ["charts", *(name for name, module in MODULES.items() if find_spec(module))])
def test_an_engines_result_is_sound(engine: str) -> None:
    """No texel is shared, be it ours or one of those that are installed (the extra `unwrap`)."""
    shape = stripped(make_statue(600).meshes[0].primitives[0])
    found = unwrap(scene(shape), Unwrapping(PX, GUTTER, engines=(engine,)))
    assert (found.engine, found.notes) == (engine, ())
    assert overlap(found) <= 0.001
    assert found.verdict.stretch < 1.2


@pytest.mark.parametrize("engines", [("charts",), ("charts", "xatlas"), ()])
def test_no_engine_of_others_runs_unless_it_is_named(
    engines: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where they are installed: the same source gives the same bytes on every machine."""
    for module in MODULES.values():
        (tmp_path / f"{module}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert OWN.engines == ("charts",)
    found = unwrap(scene(stripped(box())), replace(OWN, engines=engines))
    assert (found.engine, found.notes) == ("charts", ())
    assert not (tmp_path / "ran").exists()
