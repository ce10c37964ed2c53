"""Source -> Prepared: what is known of a source once it was read, mended and merged, but for its arrays.

The arrays are as large as the source, and made from it in seconds; what follows from them is not. Their digest tells
whether another setting led to the same ones: then all that comes after is as it was.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assetpipe.asset import Json
from assetpipe.geometry import Bounds
from assetpipe.manifest import SourceRecord
from assetpipe.quality.drawables import Box
from assetpipe.quality.silhouettes import Silhouettes
from assetpipe.scores import Outlines
from assetpipe.stages.blobs import Blob, Blobs, raw
from assetpipe.stages.kept import Codec


@dataclass(frozen=True, eq=False)
class Prepared:
    source: SourceRecord
    """With all files that were read."""
    spelt: tuple[str, ...]
    """What the source's own files had to be mended for: names that differ in case."""
    bounds: Bounds
    outlines: Outlines
    scene: str
    """Digest of what is decimated."""
    repairs: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def _pack(prepared: Prepared, blobs: Blobs) -> Json:
    box, bounds = prepared.outlines.box, prepared.bounds
    outlines = prepared.outlines.silhouettes.items()
    return {
        "source": prepared.source.model_dump(mode="json"),
        "spelt": prepared.spelt,
        "bounds": [bounds.min, bounds.max, bounds.radius],
        "box": [box.low.tolist(), box.high.tolist()],
        "outlines": [[px, of.packed.shape, blobs.add(zlib.compress(of.packed.tobytes(), 1))] for px, of in outlines],
        "scene": prepared.scene,
        "said": [prepared.repairs, prepared.warnings, prepared.notes],
    }


def _unpack(value: Json, blobs: Sequence[Blob]) -> Prepared:
    low, high, radius = value["bounds"]
    repairs, warnings, notes = (tuple(lines) for lines in value["said"])
    return Prepared(
        source=SourceRecord.model_validate(value["source"]),
        spelt=tuple(value["spelt"]),
        bounds=Bounds(tuple(low), tuple(high), radius),
        outlines=Outlines(
            Box(*(np.array(corner, np.float64) for corner in value["box"])),
            {px: _silhouettes(px, shape, blobs[at]) for px, shape, at in value["outlines"]},
        ),
        scene=value["scene"],
        repairs=repairs,
        warnings=warnings,
        notes=notes,
    )


def _silhouettes(px: int, shape: Sequence[int], packed: Blob) -> Silhouettes:
    """No more is inflated than the picture has."""
    wanted = int(np.prod(shape))
    data = zlib.decompressobj().decompress(raw(packed), wanted + 1)
    if len(data) != wanted:
        raise ValueError("a silhouette of another size")
    return Silhouettes(px, np.frombuffer(data, np.uint8).reshape(shape))


PREPARED: Codec[Prepared] = Codec(_pack, _unpack)
