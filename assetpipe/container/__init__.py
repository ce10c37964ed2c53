"""SCENE -> GLB: prune what nothing uses, encode the meshes, write the file."""

from assetpipe.container.encoded import EncodedGeometry
from assetpipe.container.geometry import encode_geometry
from assetpipe.container.glb import write_glb
from assetpipe.container.prune import prune

__all__ = ["EncodedGeometry", "encode_geometry", "prune", "write_glb"]
