"""Source arrays, an engine's arrays -> how far they lie apart, and how far texture coordinates and normals have slid.

By Open3D's ray casting, the same 200,000 points on the source for every engine, in proportion to area.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from engines import Arrays, read_arrays

POINTS, MANY_POINTS = 200_000, 2_000_000
LEAST_POINTS = 10
"""Of a triangle, for a plane through them to tell how far they are from one."""
TEXELS = 4096
FOREIGN = 64.0
"""Texels beyond which a texture coordinate has not slid but jumped to another chart."""


@dataclass(frozen=True)
class Judged:
    source: int
    """Triangles of the source."""
    rms: float
    """Both ways, of the bounding box's diagonal."""
    max: float
    uv_median: float | None = None
    """Texels of 4096."""
    uv_p99: float | None = None
    jumps: int = 0
    """Of the 200,000."""
    normal_median: float | None = None
    """Degrees."""
    normal_p99: float | None = None


def judge(source: Path, result: Path) -> Judged:
    one, other = read_arrays(source), read_arrays(result)
    size = float(np.linalg.norm(np.ptp(one["positions"], axis=0)))
    points, at = sample(one, 0)
    hits = closest(other, points)
    there = np.linalg.norm(hits["points"].numpy() - points, axis=1)
    back, _ = sample(other, 1)
    here = np.linalg.norm(closest(one, back)["points"].numpy() - back, axis=1)
    far = np.concatenate([there, here]) / size
    found: dict[str, Any] = {
        "source": len(one["indices"]),
        "rms": float(np.sqrt((far**2).mean())),
        "max": float(far.max()),
    }
    where = _barycentric(hits)
    if "uvs" in other:
        slid = np.linalg.norm(mix(one, "uvs", *at) - mix(other, "uvs", *where), axis=1) * TEXELS
        found |= {"uv_median": float(np.median(slid)), "uv_p99": float(np.quantile(slid, 0.99))}
        found["jumps"] = int((slid > FOREIGN).sum())
    if "normals" in other:
        a, b = (_unit(mix(arrays, "normals", *place)) for arrays, place in ((one, at), (other, where)))
        bent = np.degrees(np.arccos(np.clip((a * b).sum(axis=1), -1, 1)))
        found |= {"normal_median": float(np.median(bent)), "normal_p99": float(np.quantile(bent, 0.99))}
    return Judged(**found)


def floor(source: Path, result: Path) -> float:
    """The rms, over the diagonal, of the source's points about the best plane of each of the result's triangles, torn
    from its neighbours: what no surface gets below whose triangles lie where these lie."""
    one, other = read_arrays(source), read_arrays(result)
    points, _ = sample(one, 2, MANY_POINTS)
    hits = closest(other, points)
    triangles = hits["primitive_ids"].numpy()
    a, b, c = (other["positions"].astype(np.float64)[other["indices"][triangles, corner]] for corner in range(3))
    square = np.cross(b - a, c - a)
    along, up = _unit(b - a), _unit(square)
    size = np.sqrt(np.linalg.norm(square, axis=1) / 2)[:, None]
    places = (points - (a + b + c) / 3) / np.maximum(size, 1e-30)
    heights = (places * up).sum(axis=1)
    rows = np.stack([np.ones(len(points)), (places * along).sum(axis=1), (places * np.cross(up, along)).sum(axis=1)], 1)
    count = len(other["indices"])

    def summed(values: Any) -> Any:
        return np.bincount(triangles, weights=values, minlength=count)

    system = np.stack([np.stack([summed(rows[:, i] * rows[:, j]) for j in range(3)], 1) for i in range(3)], 1)
    right = np.stack([summed(rows[:, i] * heights) for i in range(3)], 1)
    told = np.bincount(triangles, minlength=count)
    enough = told >= LEAST_POINTS
    plane = np.linalg.solve(system[enough] + np.eye(3) * 1e-9, right[enough][..., None])[..., 0]
    left = summed(heights**2)[enough] - (plane * right[enough]).sum(axis=1)
    n = told[enough]
    sizes = summed(size[:, 0] ** 2)[enough]
    mean = (np.maximum(left, 0) * sizes / (n - 3)).sum() / n.sum()  # three of n are what the plane itself takes
    return float(np.sqrt(mean) / np.linalg.norm(np.ptp(one["positions"], axis=0)))


def sample(arrays: Arrays, seed: int, count: int = POINTS) -> tuple[Any, tuple[Any, Any]]:
    """(n, 3) points; the triangle and the barycentric coordinates of each."""
    dice = np.random.default_rng(seed)
    a, b, c = (arrays["positions"].astype(np.float64)[arrays["indices"][:, corner]] for corner in range(3))
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    triangles = dice.choice(len(areas), count, p=areas / areas.sum())
    u, v = dice.random((2, count))
    over = u + v > 1
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    weights = np.stack([1 - u - v, u, v], axis=1)
    at = triangles, weights
    return mix(arrays, "positions", *at).astype(np.float32), at


def mix(arrays: Arrays, name: str, triangles: Any, weights: Any) -> Any:
    corners = arrays[name].astype(np.float64)[arrays["indices"][triangles]]
    return (corners * weights[:, :, None]).sum(axis=1)


def closest(arrays: Arrays, points: Any) -> Any:
    import open3d

    scene = open3d.t.geometry.RaycastingScene()
    scene.add_triangles(open3d.core.Tensor(arrays["positions"]), open3d.core.Tensor(arrays["indices"]))
    return scene.compute_closest_points(open3d.core.Tensor(points))


def _barycentric(hits: Any) -> tuple[Any, Any]:
    u, v = hits["primitive_uvs"].numpy().T.astype(np.float64)
    return hits["primitive_ids"].numpy(), np.stack([1 - u - v, u, v], axis=1)


def _unit(vectors: Any) -> Any:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
