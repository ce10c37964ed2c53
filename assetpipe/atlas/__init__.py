"""Scene with many materials -> Scene with few, and images that hold what the source's held.

Reading order: slots (what a material is painted with), groups (which may merge), paints, outlines (their triangles as
patches of texels), layout (where patches go), plan (all of it, and why), painting (the pictures), place (the scene).
"""

from assetpipe.atlas.lookups import Pictures
from assetpipe.atlas.merge import Merged, merge
from assetpipe.atlas.place import place
from assetpipe.atlas.plan import Atlas, Plan, Sizes, plan_atlas

__all__ = ["Atlas", "Merged", "Pictures", "Plan", "Sizes", "merge", "place", "plan_atlas"]
