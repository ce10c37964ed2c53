"""Scene with many materials -> Scene with few, and images that hold what the source's held.

Reading order: groups (which may merge), paints (what they are painted with), outlines (their triangles as patches of
texels), layout (where patches go), looks (an atlas, once for each look of the variants), plan (all of it, and why),
painting (the pictures), place (the scene).
"""

from assetpipe.atlas.looks import Atlas
from assetpipe.atlas.lookups import Pictures
from assetpipe.atlas.merge import Merged, merge
from assetpipe.atlas.place import place
from assetpipe.atlas.plan import Plan, Sizes, plan_atlas

__all__ = ["Atlas", "Merged", "Pictures", "Plan", "Sizes", "merge", "place", "plan_atlas"]
