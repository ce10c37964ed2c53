"""SOURCE FILE -> SCENE: one reader per format, and a closed resolver for the files that a source names."""

from __future__ import annotations

from assetpipe.asset import Scene
from assetpipe.config import Limits
from assetpipe.sources.files import Source, SourceFile, open_source, unchanged

__all__ = ["Source", "SourceFile", "open_source", "read_scene", "unchanged"]


def read_scene(source: Source, limits: Limits) -> Scene:
    """Parse an open source; it must still be the file that was opened when the last byte has been read."""
    if source.format in ("glb", "gltf"):
        from assetpipe.sources.gltf import read_gltf as read
    else:
        from assetpipe.sources.meshes import read_meshes as read
    scene = read(source, limits)
    source.check_unchanged()
    return scene
