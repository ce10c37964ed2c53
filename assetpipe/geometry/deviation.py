"""Two scenes -> how far their surfaces lie apart in the world, at rest, and where."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

import numpy as np

from assetpipe.asset import Deviation, Floats, Scene
from assetpipe.geometry.bounds import Bounds, scene_bounds
from assetpipe.geometry.world import Longs, World

_making = Lock()
SAMPLES = 50_000


@dataclass(frozen=True, eq=False)
class Apart:
    """Of points on both surfaces."""

    deviation: Deviation
    far: Floats
    """(n,) metres to the other surface."""
    faces: Longs
    """(n,) drawn triangle of the source that each point lies on or is nearest to; -1 for none."""
    source: World


def measure_deviation(source: Scene, level: Scene, *, samples: int = SAMPLES) -> Deviation:
    """Metres from `samples` points spread evenly over each surface to the nearest point of the other. As many vertices
    of each count for `max` too: a spike has little area. A level without triangles lies as far away as the source is
    wide."""
    return measure_apart(source, level, samples=samples).deviation


def measure_apart(source: Scene, level: Scene, *, samples: int = SAMPLES) -> Apart:
    (here, one), there = _source(source), scene_bounds(level)
    other = World(level, one.centre)
    apart = float(np.linalg.norm(one.centre - there.centre))
    reach = here.radius + apart + there.radius
    if not one.triangles or not other.triangles:
        all_of_it = Deviation(reach, reach) if one.triangles else Deviation(0.0, 0.0)
        return Apart(all_of_it, np.zeros(0, np.float32), np.zeros(0, np.int64), one)
    ours = [one.spread(samples), one.vertices(samples)]
    theirs = [one.nearest(each.points, reach) for each in (other.spread(samples), other.vertices(samples))]
    spread, tips = (
        np.concatenate([other.nearest(mine.points, reach).far, yours.far])
        for mine, yours in zip(ours, theirs, strict=True)
    )
    rms = float(np.sqrt((spread.astype(np.float64) ** 2).mean()))
    faces = np.concatenate([ours[0].faces, theirs[0].faces, ours[1].faces, theirs[1].faces])
    far = np.concatenate([spread, tips])
    return Apart(Deviation(float(far.max()), rms), far, faces, one)


def forget_source() -> None:
    """Let the kept hierarchy go: a hundred bytes for each triangle of the source."""
    _keep_source.cache_clear()


def _source(scene: Scene) -> tuple[Bounds, World]:
    """Kept for the next level: sorting the source's triangles is most of the work. Levels are measured side by side;
    the first to come makes what the others wait for."""
    with _making:
        return _keep_source(scene)


@lru_cache(maxsize=1)
def _keep_source(scene: Scene) -> tuple[Bounds, World]:
    bounds = scene_bounds(scene)
    return bounds, World(scene, np.array(bounds.centre))
