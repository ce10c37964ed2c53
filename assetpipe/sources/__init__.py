"""SOURCE FILE -> SCENE: one reader per format, and a closed resolver for the files that a source names."""

from __future__ import annotations

from assetpipe.asset import Scene
from assetpipe.config import Limits
from assetpipe.sources.files import Source, SourceFile, open_source, recall, unchanged
from assetpipe.sources.tangents import fill_tangents
from assetpipe.sources.uv_sets import fill_uv_sets

__all__ = ["Source", "SourceFile", "open_source", "read_scene", "recall", "unchanged"]


def read_scene(source: Source, limits: Limits) -> Scene:
    """Parse an open source; it must still be the file that was opened when the last byte has been read."""
    scene = fill_tangents(fill_uv_sets(_read(source, limits)))
    source.check_unchanged()
    return scene


def _read(source: Source, limits: Limits) -> Scene:
    """Each reader is imported when a file of its format comes."""
    if source.format in ("glb", "gltf"):
        from assetpipe.sources.gltf import read_gltf

        return read_gltf(source, limits)
    from assetpipe.sources.meshes import read_meshes

    return read_meshes(source, limits)
