"""An author's occlusion map -> whether it leaves something to be cast, and the same in other UVs.

Where materials are merged, one map of one author's serves them all, and what had none is white in it: charts that are
white all over say nothing. So does a map that is white.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assetpipe.asset import Array, Image, Json, Material, Primitive, Scene
from assetpipe.baking import BakeRequest, bake, stage_source
from assetpipe.baking.materials import ORM
from assetpipe.groups import label_pieces
from assetpipe.lossless import to_8_bits
from assetpipe.queries.device import Device
from assetpipe.rebaking.laying import Room
from assetpipe.rebaking.maps import dress
from assetpipe.rebaking.surfaces import mesh_scales, surface_of, with_normals
from assetpipe.rows import first_equal
from assetpipe.slots import laid
from assetpipe.textures import TextureCache, decoded
from assetpipe.worn import Key

WHITE = 254
STEPS = 4
"""Into which each edge of a triangle is cut, for the places where a map is looked at."""


@dataclass(frozen=True, eq=False)
class Painted:
    """What materials show that wear the same map in the same way."""

    scene: Scene
    material: Material
    primitives: Mapping[Key, Primitive]
    cache: TextureCache

    @property
    def info(self) -> Json:
        info: Json = self.material.json["occlusionTexture"]
        return info

    @property
    def image(self) -> Image | None:
        source = self.scene.json["textures"][self.info["index"]].get("source")
        return None if source is None else self.scene.images[source]

    def says_nothing_somewhere(self) -> bool:
        """Whether a chart of its UVs is white all over."""
        how, image = laid(self.info), self.image
        name = f"TEXCOORD_{how.uv_set}"
        if image is None or any(name not in each.attributes for each in self.primitives.values()):
            return False
        uvs = np.concatenate([each.attributes[name][each.indices] for each in self.primitives.values()])
        (a, b, c, d), (u, v) = how.turn, uvs.astype(np.float64).T
        shown = np.stack([a * u + b * v, c * u + d * v], axis=-1) + how.move
        red = to_8_bits(decoded(image, image.name, self.cache).array)[..., 0]
        if not np.isfinite(shown).all():
            return False
        chart = _charts(uvs)
        shaded = np.zeros(len(uvs), bool)
        shaded[chart[_darkest(red, shown.reshape(-1, 3, 2)) < WHITE]] = True
        return not shaded[chart].all()

    def baked(self, after: Mapping[Key, Primitive], uv_set: int, where: Room, device: Device) -> Array:
        """(px, px, 1) in UVs of the same triangles, `after` they may have been laid out anew; with `strength`."""
        scales = mesh_scales(self.scene)
        layers = dress(self.scene, [self.material], {ORM: False}, self.cache).layers
        source = stage_source(
            surface_of({key: with_normals(each) for key, each in self.primitives.items()}, scales), layers, device
        )
        level = surface_of({key: with_normals(each) for key, each in after.items()}, scales)
        texels = bake(source, level, BakeRequest(where.px, 0.0, uv_set=uv_set, gutter=where.gutter)).maps[ORM][..., :1]
        found: Array = np.rint(255 + float(self.info.get("strength", 1.0)) * (texels - 255.0)).astype(np.uint8)
        return found


def find_painted(
    scene: Scene, primitives: Mapping[Key, Primitive], materials: Sequence[Material], cache: TextureCache
) -> Painted | None:
    """None where materials show different maps, or where theirs says something everywhere."""
    info, *others = [each.json.get("occlusionTexture") for each in materials]
    if info is None or any(each != info for each in others):
        return None
    found = Painted(scene, materials[0], primitives, cache)
    return found if found.says_nothing_somewhere() else None


def _darkest(red: Array, uvs: Array) -> Array:
    """(f, 3, 2) -> (f,) the least of the texels on a triangular grid."""
    height, width = red.shape
    least = np.full(len(uvs), 255, np.uint8)
    for a in range(STEPS + 1):
        for b in range(STEPS + 1 - a):
            x, y = ((a * uvs[:, 0] + b * uvs[:, 1] + (STEPS - a - b) * uvs[:, 2]) / STEPS % 1.0).T
            texels = red[
                np.minimum((y * height).astype(int), height - 1), np.minimum((x * width).astype(int), width - 1)
            ]
            least = np.minimum(least, texels)
    return least


def _charts(uvs: Array) -> Array:
    """(3 f, 2) -> (f,) a label: triangles that share a corner of the picture."""
    first = first_equal([uvs])
    found: Array = label_pieces(first.reshape(-1, 3).astype(np.int32), len(uvs))[first[::3]]
    return found
