"""What cameras outside a scene see, cast from the eye inwards: another way than the one that finds hidden geometry."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import warp as wp

from assetpipe.asset import TRIANGLES, Array, Primitive, Scene
from assetpipe.geometry.pose import Pose
from assetpipe.kernels import EXACT, kernel_cache

wp.set_module_options(EXACT)

OPAQUE, GLASS = 0, 1


def layers_seen(scene: Scene, views: int, *, px: int = 96, seed: int = 0) -> tuple[Array, Array]:
    """(views, px, px, 2) of parallel cameras about the scene: the sum of the distances of all surfaces that each ray
    sees until an opaque one ends it, in radii, and how many they are; (views, 3) where the cameras look."""
    _load()
    points, corners, looks = _world(scene)
    used = points[corners.reshape(-1)]
    low, high = used.min(axis=0), used.max(axis=0)
    return cast(((points - (low + high) / 2) / np.linalg.norm(high - low) * 2, corners, looks), views, px, seed)


def cast(world: tuple[Array, Array, Array], views: int, px: int, seed: int) -> tuple[Array, Array]:
    points, corners, looks = world
    mesh = wp.Mesh(
        wp.array(points.astype(np.float32), dtype=wp.vec3, device="cpu"),
        wp.array(corners.reshape(-1).astype(np.int32), dtype=int, device="cpu"),
    )
    rng = np.random.default_rng(seed)
    towards = rng.normal(size=(views, 3))
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    right = np.cross(towards, rng.normal(size=3))
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    cameras = [
        wp.array(each.astype(np.float32), dtype=wp.vec3, device="cpu")
        for each in (towards, right, np.cross(towards, right))
    ]
    picture = wp.zeros((views, px, px), dtype=wp.vec2, device="cpu")
    kinds = wp.array(looks.astype(np.int32), dtype=wp.vec2i, device="cpu")
    wp.launch(_shoot, dim=(views, px, px), inputs=[mesh.id, kinds, *cameras, px, picture], device="cpu")
    return picture.numpy(), towards


@cache
def _load() -> None:
    kernel_cache()
    wp.load_module(__name__, device="cpu")


def _world(scene: Scene) -> tuple[Array, Array, Array]:
    """(n, 3) points, (f, 3) corners, (f, 2): OPAQUE or GLASS, and whether both sides are drawn."""
    blocks = list(_blocks(scene))
    starts = np.cumsum([0, *(len(points) for points, _, _ in blocks)])
    return (
        np.concatenate([points for points, _, _ in blocks]),
        np.concatenate([corners + start for (_, corners, _), start in zip(blocks, starts, strict=False)]),
        np.concatenate([np.tile(look, (len(corners), 1)) for _, corners, look in blocks]),
    )


def _blocks(scene: Scene) -> Iterator[tuple[Array, Array, tuple[int, int]]]:
    pose = Pose(scene)
    for placement in pose.placements:
        for primitive in scene.meshes[placement.mesh].primitives:
            if primitive.mode == TRIANGLES and primitive.triangles:
                corners = primitive.indices.reshape(-1, 3).astype(np.int64)
                for matrix, points in zip(placement.matrices, pose.vertices(placement, primitive), strict=True):
                    mirrored = np.linalg.det(matrix[:3, :3]) < 0
                    yield points, corners[:, [0, 2, 1]] if mirrored else corners, _look(scene, primitive)


def _look(scene: Scene, primitive: Primitive) -> tuple[int, int]:
    json = {} if primitive.material is None else scene.materials[primitive.material].json
    glass = json.get("alphaMode", "OPAQUE") != "OPAQUE" or "KHR_materials_transmission" in json.get("extensions", {})
    return GLASS if glass else OPAQUE, int(json.get("doubleSided", False))


@wp.kernel
def _shoot(
    mesh: wp.uint64,
    looks: wp.array(dtype=wp.vec2i),
    towards: wp.array(dtype=wp.vec3),
    right: wp.array(dtype=wp.vec3),
    down: wp.array(dtype=wp.vec3),
    px: int,
    picture: wp.array3d(dtype=wp.vec2),
) -> None:
    view, y, x = wp.tid()
    d = towards[view]
    s = (float(x) + 0.5) / float(px) * 2.0 - 1.0
    t = (float(y) + 0.5) / float(px) * 2.0 - 1.0
    eye = right[view] * s + down[view] * t - d * 2.0
    gone = wp.float32(0.0)
    total = wp.float32(0.0)
    count = wp.float32(0.0)
    for _ in range(64):
        query = wp.mesh_query_ray(mesh, eye + d * gone, d, 8.0)
        if not query.result:
            break
        gone = gone + query.t
        look = looks[query.face]
        if wp.dot(query.normal, d) < 0.0 or look[1] == 1:
            total = total + gone
            count = count + 1.0
            if look[0] == 0:
                break
        gone = gone + 2.0e-6
    picture[view, y, x] = wp.vec2(total, count)


def assert_looks_the_same(before: Scene, after: Scene, views: int = 16, px: int = 96) -> None:
    """Every layer that a ray meets until an opaque one, to 1e-5 of the radius."""
    one, other = layers_seen(before, views, px=px)[0], layers_seen(after, views, px=px)[0]
    assert one[..., 1].max() > 0
    differ = _differ(one, other)
    assert not differ.any(), f"{differ.sum()} of {differ.size} pixels"


def _differ(one: Array, other: Array) -> Array:
    return (one[..., 1] != other[..., 1]) | (np.abs(one[..., 0] - other[..., 0]) > 1e-5)
