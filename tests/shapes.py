"""Small shapes that tests build scenes from. Each has UVs and normals, closed where the solid is closed."""

from __future__ import annotations

import numpy as np

from assetpipe.asset import TRIANGLES, Array, Image, Json, Material, Mesh, Node, Primitive, Scene


def grid(columns: int, rows: int) -> tuple[Array, Array]:
    """UVs (n, 2) of a (columns + 1) x (rows + 1) lattice over the unit square, and its triangles, flat uint32."""
    u, v = np.meshgrid(np.linspace(0, 1, columns + 1), np.linspace(0, 1, rows + 1))
    corner = np.arange((columns + 1) * (rows + 1), dtype=np.uint32).reshape(rows + 1, columns + 1)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, :-1], corner[1:, 1:]
    triangles = np.stack([a, c, b, b, c, d], axis=-1)
    return np.stack([u, v], axis=-1).reshape(-1, 2).astype(np.float32), triangles.reshape(-1).astype(np.uint32)


def primitive(positions: Array, normals: Array, uvs: Array, indices: Array, material: int | None = None) -> Primitive:
    attributes = {
        "POSITION": np.ascontiguousarray(positions, np.float32),
        "NORMAL": np.ascontiguousarray(normals, np.float32),
        "TEXCOORD_0": np.ascontiguousarray(uvs, np.float32),
    }
    json: Json = {} if material is None else {"material": material}
    return Primitive(TRIANGLES, np.ascontiguousarray(indices, np.uint32), attributes, json=json)


def sphere(segments: int = 32, radius: float = 1.0, material: int | None = None) -> Primitive:
    """A UV sphere with a seam; 2 * segments * segments / 2 triangles, the poles' degenerate ones left out."""
    uvs, indices = grid(segments, segments // 2)
    theta, phi = uvs[:, 0].astype(float) * 2 * np.pi, uvs[:, 1].astype(float) * np.pi
    normals = np.stack([np.sin(phi) * np.cos(theta), np.cos(phi), -np.sin(phi) * np.sin(theta)], axis=-1)
    points = np.round(normals * radius, 7)
    faces = indices.reshape(-1, 3)
    area = np.linalg.norm(
        np.cross(points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]]), axis=1
    )
    return primitive(points, normals, uvs, faces[area > 1e-9 * radius**2].reshape(-1), material)


def torus(segments: int = 48, major: float = 1.0, minor: float = 0.4, material: int | None = None) -> Primitive:
    """Closed, smooth, genus 1, two seams."""
    uvs, indices = grid(segments, segments // 2)
    theta, phi = uvs[:, 0].astype(float) * 2 * np.pi, uvs[:, 1].astype(float) * 2 * np.pi
    ring = np.stack([np.cos(theta), np.zeros_like(theta), -np.sin(theta)], axis=-1)
    normals = np.cos(phi)[:, None] * ring - np.sin(phi)[:, None] * np.array([0.0, 1.0, 0.0])
    return primitive(np.round(ring * major + normals * minor, 7), normals, uvs, indices, material)


def box(size: float = 1.0, material: int | None = None) -> Primitive:
    """Six hard-edged quads, each with the whole unit square of UVs."""
    uvs, quad = grid(1, 1)
    faces = []
    for axis in range(3):
        for sign in (1.0, -1.0):
            normal, right = np.zeros(3), np.zeros(3)
            normal[axis], right[(axis + 1) % 3] = sign, 1.0
            up = np.cross(normal, right)
            points = normal * 0.5 + (uvs[:, :1] - 0.5) * right + (0.5 - uvs[:, 1:]) * up
            faces.append((points * size, np.tile(normal, (4, 1)), uvs))
    positions, normals, coordinates = (np.concatenate(parts) for parts in zip(*faces, strict=True))
    indices = np.concatenate([quad + 4 * i for i in range(6)])
    return primitive(positions, normals, coordinates, indices, material)


def scene(
    *primitives: Primitive, materials: tuple[Material, ...] = (), images: tuple[Image, ...] = (), **json: object
) -> Scene:
    """One mesh on one node."""
    document: Json = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], **json}
    return Scene((Node({"mesh": 0, "name": "root"}),), (Mesh(primitives),), materials, images, json=document)
