"""LEVEL -> LEVEL: the shading that decimation took, and textures whose seams it let go, come back from the source; on
request also how much of the sky each place sees.

Reading order: surfaces (the triangles of one material, as baking takes them), loss (how far shading is off), maps (a
material's pictures and what they become), stage (a material of the source), plan (what a level gets, and why), rebake.
Of ambient occlusion: placed (where things stand), laying (which UVs), occlusion.
"""

from assetpipe.rebaking.occlusion import AskedOcclusion, occlude
from assetpipe.rebaking.rebake import Asked, rebake

__all__ = ["Asked", "AskedOcclusion", "occlude", "rebake"]
