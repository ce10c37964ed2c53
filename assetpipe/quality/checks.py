"""What is measured in a GLB: for each check of `budgets.py` one number, and whether the file is sound at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from assetpipe.asset import Array
from assetpipe.quality import uvs
from assetpipe.quality.pictures import Picture, base_colour_range, pictures
from assetpipe.quality.reading import Part, Reading, ReadingError, local_matrix, normalised


@dataclass(frozen=True, eq=False)
class Subject:
    """A file and what several checks need of it, computed once."""

    reading: Reading

    @cached_property
    def pictures(self) -> list[Picture]:
        return pictures(self.reading)

    @cached_property
    def unwrapped(self) -> list[uvs.Unwrapped]:
        return uvs.unwrapped(self.reading)

    @cached_property
    def extents(self) -> Array:
        """(3,) metres, of the box about all that is drawn."""
        corners = np.concatenate([_box(self.reading, part) for part in self.reading.parts])
        return np.asarray(corners.max(axis=0) - corners.min(axis=0))


def _box(reading: Reading, part: Part) -> Array:
    """(8, 3) corners of a part's box in the world, from its accessor's bounds."""
    accessor = reading.document.accessors[part.primitive.attributes.POSITION]
    if not accessor.min or not accessor.max:
        raise ReadingError("a POSITION accessor has no bounds")
    low, high = normalised(accessor.min, accessor), normalised(accessor.max, accessor)
    corners = np.array([[(low, high)[(i >> axis) & 1][axis] for axis in range(3)] for i in range(8)])
    return np.asarray(corners @ part.world[:3, :3].T + part.world[:3, 3])


def _self_contained(subject: Subject) -> str:
    document = subject.reading.document
    named = {"buffer": document.buffers, "image": document.images}
    outside = [f"{kind} {i}" for kind, items in named.items() for i, item in enumerate(items) if item.uri]
    if outside:
        raise ReadingError(f"not self-contained: {', '.join(outside[:5])} lies at a URI")
    return "nothing lies outside the file"


def _images_readable(subject: Subject) -> str:
    return f"images: {len(subject.pictures)}, each what it says it is"


def _draco_agrees(subject: Subject) -> str:
    reading, checked = subject.reading, 0
    for primitive in reading.primitives:
        counts = reading.draco_counts(primitive)
        if counts is None:
            continue
        checked += 1
        said = reading.document.accessors[primitive.attributes.POSITION].count, reading.triangles(primitive) * 3
        if counts != said:
            raise ReadingError(f"Draco holds (vertices, indices) {counts}, the accessors say {said}")
    return f"primitives in Draco: {checked}, each with what its accessors say"


def _scene_is_sound(subject: Subject) -> str:
    return f"primitives drawn: {len(subject.reading.parts)}"


def _roots_moved(subject: Subject) -> float:
    nodes = [subject.reading.document.nodes[root] for root in subject.reading.roots]
    return sum(not np.allclose(local_matrix(node), np.eye(4), atol=1e-6) for node in nodes)


def _drawn(subject: Subject) -> float:
    return sum(subject.reading.triangles(part.primitive) * part.copies for part in subject.reading.parts)


def _vertices(subject: Subject) -> float:
    accessors = {primitive.attributes.POSITION for primitive in subject.reading.primitives} - {None}
    return sum(int(subject.reading.document.accessors[index].count) for index in accessors)


def _uv_sets(subject: Subject) -> float:
    return max((_count_uv_sets(primitive) for primitive in subject.reading.primitives), default=0)


def _count_uv_sets(primitive: Any) -> int:
    return sum(value is not None for key, value in vars(primitive.attributes).items() if key.startswith("TEXCOORD_"))


def _odd_sizes(subject: Subject) -> float:
    return sum(side & (side - 1) != 0 for picture in subject.pictures for side in (picture.width, picture.height))


def _unread_by_phones(subject: Subject) -> float:
    return sum(picture.mime not in ("image/png", "image/jpeg") for picture in subject.pictures)


def _darkest(subject: Subject) -> float | None:
    found = base_colour_range(subject.reading)
    return found[0] if found else None


def _brightest(subject: Subject) -> float | None:
    found = base_colour_range(subject.reading)
    return found[1] if found else None


SOUNDNESS: Mapping[str, Callable[[Subject], str]] = {
    "scene": _scene_is_sound,
    "self-contained": _self_contained,
    "images": _images_readable,
    "draco": _draco_agrees,
}
CHECKS: Mapping[str, tuple[Callable[[Subject], float | None], str]] = {
    "file size": (lambda subject: len(subject.reading.data), " bytes"),
    "triangles": (_drawn, ""),
    "vertices": (_vertices, ""),
    "draw calls": (lambda subject: len(subject.reading.parts), ""),
    "materials": (lambda subject: len(subject.reading.document.materials), ""),
    "nodes": (lambda subject: len(subject.reading.document.nodes), ""),
    "meshes": (lambda subject: len(subject.reading.document.meshes), ""),
    "primitives": (lambda subject: len(subject.reading.primitives), ""),
    "moved roots": (_roots_moved, ""),
    "smallest extent": (lambda subject: float(subject.extents.min()), " m"),
    "largest extent": (lambda subject: float(subject.extents.max()), " m"),
    "texture size": (lambda subject: max((picture.longest for picture in subject.pictures), default=None), " px"),
    "smallest texture": (
        lambda subject: min((min(picture.width, picture.height) for picture in subject.pictures), default=None),
        " px",
    ),
    "odd texture sizes": (_odd_sizes, ""),
    "images no phone reads": (_unread_by_phones, ""),
    "darkest base colour": (_darkest, " of 255"),
    "brightest base colour": (_brightest, " of 255"),
    "UV sets": (_uv_sets, ""),
    "UV outside 0..1": (lambda subject: uvs.outside(subject.unwrapped), ""),
    "mirrored UV triangles": (lambda subject: uvs.mirrored(subject.unwrapped), ""),
    "texel density": (lambda subject: uvs.density(subject.reading, subject.unwrapped, subject.pictures), " px/m"),
    "overlapping UVs": (lambda subject: uvs.overlapping(subject.unwrapped), " %"),
}
