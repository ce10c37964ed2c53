"""A number of triangles -> a smooth closed surface of about as many, with normals and six texture charts.

What a scanner's software hands over once it has closed and smoothed a scan; with waves that are `POLISHED` the body of
a product, as a modeller's subdivision surface gives it. The sample `scan` is a rough one.

The faces of a cube, blown up to a ball and dented by waves of ten lengths, the short ones shallow.
"""

from __future__ import annotations

import numpy as np

from assetpipe.asset import TRIANGLES, Array, Material, Mesh, Node, Primitive, Scene

COUNT = 60
LONGEST, SHORTEST = 3.0, 0.08  # of a wave, in radii
Waves = tuple[float, float]  # depth of one as long as the radius, and the power of the length with which it falls
DENTED: Waves = (0.035, 1.4)
POLISHED: Waves = (0.01, 2.0)
CHARTS = (3, 2)  # across and down the texture
MARGIN = 0.02  # of a chart


def make_statue(triangles: int, waves: Waves = DENTED) -> Scene:
    side = max(2, round((triangles / 12) ** 0.5))
    faces = [_face(side, at, waves) for at in range(6)]
    attributes = {name: np.concatenate([face[name] for face in faces]) for name in faces[0]}
    indices = np.concatenate([_triangles(side) + at * (side + 1) ** 2 for at in range(6)])
    primitive = Primitive(TRIANGLES, indices.astype(np.uint32), attributes, json={"material": 0})
    document = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}]}
    return Scene((Node({"mesh": 0}),), (Mesh((primitive,)),), (Material({}),), json=document)


def _face(side: int, at: int, waves: Waves) -> dict[str, Array]:
    u, v = (axis.reshape(-1) for axis in np.meshgrid(*[np.linspace(-1, 1, side + 1)] * 2))
    axis, sign = at // 2, 1.0 - 2.0 * (at % 2)
    cube = np.empty((len(u), 3))
    cube[:, axis], cube[:, (axis + 1) % 3], cube[:, (axis + 2) % 3] = sign, u * sign, v
    directions = np.tan(cube * np.pi / 4)  # even cells
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    points, normals = _dent(directions, waves)
    inside = np.stack([u, v], 1) * (0.5 - MARGIN) + 0.5
    uvs = (inside + np.array([at % CHARTS[0], at // CHARTS[0]])) / CHARTS
    return {
        "POSITION": np.round(points, 6).astype(np.float32),  # the same on both sides of a seam
        "NORMAL": np.round(normals, 6).astype(np.float32),
        "TEXCOORD_0": uvs.astype(np.float32),
    }


def _dent(directions: Array, waves: Waves) -> tuple[Array, Array]:
    """Points on the surface in the (n, 3) directions, and normals."""
    depth, steep = waves
    dice = np.random.default_rng(7)
    heights, slopes = np.zeros(len(directions)), np.zeros(directions.shape)
    for length in np.geomspace(LONGEST, SHORTEST, COUNT):
        wave = dice.normal(size=3)
        wave *= 2 * np.pi / length / np.linalg.norm(wave)
        phase, height = directions @ wave + dice.uniform(0, 2 * np.pi), depth * length**steep
        heights += height * np.sin(phase)
        slopes += (height * np.cos(phase))[:, None] * wave
    radius = (1 + heights)[:, None]
    along = slopes - (slopes * directions).sum(axis=1)[:, None] * directions
    normals = radius * directions - along
    return radius * directions, normals / np.linalg.norm(normals, axis=1)[:, None]


def _triangles(side: int) -> Array:
    corner = np.arange((side + 1) ** 2).reshape(side + 1, side + 1)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, :-1], corner[1:, 1:]
    return np.stack([a, b, c, b, d, c], axis=-1).reshape(-1)
