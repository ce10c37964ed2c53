"""READ 1ST: the nouns, in the order in which the data becomes them.

    file ─▶ Scene (nodes, meshes, materials, images) ─▶ Lod per level ─▶ Glb ─▶ Manifest ─▶ Bundle

Khronos' JSON stays the truth for everything that no stage computes on: each noun lifts out what is bulky or often asked
(arrays, image bytes, references), typed, and keeps the rest in `json` as the source wrote it. That is how an extension
that this version has never heard of, an `extras` or a copyright line reaches every level unharmed.

Values are never mutated. A stage that changes something makes a new noun with `dataclasses.replace` and shares all
arrays that it did not touch; arrays may be read-only views of the memory-mapped source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Json = dict[str, Any]
Array = NDArray[Any]
Floats = NDArray[np.float32]
Indices = NDArray[np.uint32]

POINTS, LINES, TRIANGLES = 0, 1, 4


@dataclass(frozen=True, eq=False)
class Primitive:
    """One draw call of a mesh. The reader has resolved strips, fans and loops, Draco, meshopt and quantisation."""

    mode: int
    """POINTS, LINES (pairs) or TRIANGLES, never anything else."""
    indices: Indices
    """(n,) uint32, always present; n is a multiple of 1, 2 or 3 by mode."""
    attributes: Mapping[str, Array]
    """glTF semantic -> (vertices, k) C-contiguous or a read-only view. float32 but for JOINTS_n (uint16) and for custom
    integer attributes (_NAME), which keep their type. COLOR_n is float32 with the 3 or 4 components of the source."""
    targets: tuple[Mapping[str, Array], ...] = ()
    """Morph targets: semantic -> (vertices, 3) float32 differences."""
    json: Json = field(default_factory=dict)
    """`material`, `extras`, `extensions` (KHR_materials_variants mappings, ...) as the source wrote them."""

    @property
    def material(self) -> int | None:
        return self.json.get("material")

    @property
    def positions(self) -> Floats:
        return self.attributes["POSITION"]

    @property
    def triangles(self) -> int:
        return len(self.indices) // 3 if self.mode == TRIANGLES else 0


@dataclass(frozen=True, eq=False)
class Mesh:
    primitives: tuple[Primitive, ...]
    json: Json = field(default_factory=dict)
    """`name`, `weights`, `extras`, `extensions`."""

    @property
    def name(self) -> str:
        return str(self.json.get("name", ""))

    @property
    def triangles(self) -> int:
        return sum(primitive.triangles for primitive in self.primitives)


@dataclass(frozen=True, eq=False)
class Node:
    json: Json
    """The glTF node as it is: `children`, `mesh`, `skin`, `camera`, `matrix` or TRS, `name`, `extensions`, ..."""

    @property
    def children(self) -> Sequence[int]:
        children: Sequence[int] = self.json.get("children", ())
        return children

    @property
    def mesh(self) -> int | None:
        return self.json.get("mesh")

    @property
    def skin(self) -> int | None:
        return self.json.get("skin")


@dataclass(frozen=True, eq=False)
class TextureSlot:
    """One use of a texture by a material."""

    path: tuple[str, ...]
    """Where in the material's JSON: ("pbrMetallicRoughness", "baseColorTexture"), ("extensions", "KHR_…", …)."""
    info: Json
    """The textureInfo: `index`, `texCoord`, `scale`, `strength`, KHR_texture_transform, ..."""

    @property
    def name(self) -> str:
        """`baseColor`, `normal`, `clearcoatRoughness`, ...: the word of the manifest and of the settings."""
        return self.path[-1].removesuffix("Texture")

    @property
    def texture(self) -> int:
        return int(self.info["index"])


@dataclass(frozen=True, eq=False)
class Material:
    json: Json
    """The glTF material as it is, but for spec-gloss, which the reader turns into metal-rough."""

    @property
    def name(self) -> str:
        return str(self.json.get("name", ""))

    @property
    def alpha_mode(self) -> str:
        return str(self.json.get("alphaMode", "OPAQUE"))

    @property
    def double_sided(self) -> bool:
        return bool(self.json.get("doubleSided", False))

    @property
    def textures(self) -> tuple[TextureSlot, ...]:
        """Every texture that the material uses, those of extensions included, in the order of the JSON."""
        return tuple(_texture_slots(self.json, ()))


@dataclass(frozen=True, eq=False)
class Image:
    """An encoded picture: PNG, JPEG, WebP, AVIF or KTX2."""

    data: bytes | memoryview
    mime: str
    json: Json = field(default_factory=dict)
    """`name`, `extras`, `extensions`."""
    uri: str = ""
    """The name that the source gave it ("" when embedded), for messages."""

    @property
    def name(self) -> str:
        return str(self.json.get("name") or self.uri)


@dataclass(frozen=True, eq=False)
class Scene:
    """A whole asset: glTF's document with its bulk lifted out and typed."""

    nodes: tuple[Node, ...]
    meshes: tuple[Mesh, ...]
    materials: tuple[Material, ...] = ()
    images: tuple[Image, ...] = ()
    arrays: tuple[Array, ...] = ()
    """What skins (`inverseBindMatrices`), animation samplers (`input`, `output`) and EXT_mesh_gpu_instancing name by
    index in `json` and `nodes` in place of an accessor: float32, (n,) SCALAR, (n, 2..4) VEC, (n, 4, 4) MAT4."""
    json: Json = field(default_factory=dict)
    """The rest of the document: `asset`, `scene`, `scenes`, `textures`, `samplers`, `skins`, `animations`, `cameras`,
    `extras`, `extensions`, `extensionsUsed`, `extensionsRequired`. `textures[i].source` always names the image to use;
    the extensions that the reader resolved (compression, image formats, spec-gloss, quantisation) are gone from it."""
    repairs: tuple[str, ...] = ()
    """What the reader or a stage had to mend in the source, one sentence each."""
    warnings: tuple[str, ...] = ()
    """What the author should know although nothing had to be mended."""

    @property
    def triangles(self) -> int:
        """Triangles stored; a mesh that ten nodes show counts once."""
        return sum(mesh.triangles for mesh in self.meshes)


@dataclass(frozen=True)
class Deviation:
    """How far two surfaces lie apart, sampled both ways, in metres."""

    max: float
    rms: float


@dataclass(frozen=True, eq=False)
class Lod:
    """One level of detail, not yet encoded."""

    level: str
    scene: Scene
    notes: tuple[str, ...] = ()
    """What this level had to give up, one sentence each: "morph targets dropped", ..."""


@dataclass(frozen=True, eq=False)
class Glb:
    """One level as the file that will be published."""

    level: str
    data: bytes
    lod: Lod

    @property
    def notes(self) -> tuple[str, ...]:
        return self.lod.notes


def _texture_slots(json: Json, path: tuple[str, ...]) -> Iterator[TextureSlot]:
    for key, value in json.items():
        if key == "extras" or not isinstance(value, dict):
            continue
        if key.endswith("Texture") and "index" in value:
            yield TextureSlot((*path, key), value)
        else:
            yield from _texture_slots(value, (*path, key))
