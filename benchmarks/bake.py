"""How fast detail is baked from a scan onto its levels, what it takes in memory, and how much of the look comes back.

    python benchmarks/bake.py                                  the sample `scan`, its three levels, a table on stdout
    python benchmarks/bake.py --source scan.glb --only preview:1024 high:8192 --threads 1 --device cuda

Each row is a process of its own, so that its peak of memory is its own. Sorting the source's triangles and halving its
textures (`staging`) is done once for all levels and is not in the rate. With --look, pictures of the source, the level
with the source's maps made smaller and the level with baked maps are compared (SSIM, six sides, at the level's size on
screen), in the scan's colours and in grey, where only the shape shows, and laid side by side in a PNG.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from build_vs_gltf_transform import make_scan
from PIL import Image as Picture

from assetpipe.asset import Array, Material, Primitive, Scene
from assetpipe.baking import Baked, BakeRequest, Surface, Texture, bake, stage_source
from assetpipe.baking.materials import read_layers
from assetpipe.carve import pixel
from assetpipe.config import load_config
from assetpipe.geometry import decimate, prepare, scene_bounds
from assetpipe.geometry.surface import Target
from assetpipe.poster import textures
from assetpipe.quality.cameras import views
from assetpipe.quality.drawables import Drawable, drawn_box
from assetpipe.quality.drawables import Texture as Shown
from assetpipe.quality.likeness import GREY, likeness
from assetpipe.quality.render import Frame, Look, render
from assetpipe.queries.device import pick
from assetpipe.sources import open_source, read_scene
from assetpipe.tangents import with_tangents

HERE = Path(__file__).resolve().parent
REACH = 2.0  # times the level's largest deviation
CASES = ("preview:512", "preview:1024", "preview:2048", "standard:2048", "high:4096")
MAPS = {"baseColor": "baseColor", "normal": "normal", "occlusionRoughnessMetallic": "metallicRoughness"}
PLAIN = {"baseColorFactor": [0.6, 0.6, 0.6, 1.0], "roughnessFactor": 0.6, "metallicFactor": 0.0}


@dataclass(frozen=True, eq=False)
class Case:
    """A level and what it is baked from."""

    source: Primitive
    level: Primitive
    material: Material
    pictures: Mapping[int, Texture]
    distance: float
    screen_px: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, help="a GLB of one primitive (default: the sample `scan`)")
    parser.add_argument("--only", nargs="*", default=CASES, metavar="LEVEL:PX", help=f"default: {' '.join(CASES)}")
    parser.add_argument("--maps", nargs="*", default=[], help="default: all")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=0, help="default: one per core")
    parser.add_argument("--look", type=Path, help="a PNG to write; only the first of --only")
    parser.add_argument("--row", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    asked.source = asked.source or make_scan(HERE / "out", 1_000_000)
    if asked.row or asked.look:
        print(json.dumps(measure(asked)))
        return
    names = ["level", "px", "samples", "staging s", "bake s", "CPU s", "M texels", "M texels/s", "MB above the input"]
    print("| " + " | ".join(names) + " |\n" + "| --- " * len(names) + "|")
    for case in asked.only:
        print("| " + " | ".join(str(value) for value in in_child(asked, case)) + " |", flush=True)


def in_child(asked: argparse.Namespace, case: str) -> list[object]:
    options = ["--source", asked.source, "--device", asked.device, "--threads", asked.threads, "--maps", *asked.maps]
    command = [sys.executable, __file__, "--row", *options, "--only", case]
    done = subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE)
    row: list[object] = json.loads(done.stdout)
    return row


def measure(asked: argparse.Namespace) -> list[object]:
    name, px = asked.only[0].split(":")
    case, device = carve(asked.source, name), pick(asked.device)
    layers = read_layers([case.material], case.pictures).layers
    before = peak_mb()
    start = time.perf_counter()
    source = stage_source(surface(case.source), layers, device)
    staged, cpu = time.perf_counter(), time.process_time()
    request = BakeRequest(int(px), case.distance, maps=tuple(asked.maps), threads=asked.threads)
    baked = bake(source, surface(case.level), request)
    end, busy, peak = time.perf_counter(), time.process_time() - cpu, peak_mb() - before
    if asked.look:
        look(asked.look, case, baked)
    texels = int(baked.coverage.sum()) / 1e6
    figures = [staged - start, end - staged, busy, texels, texels / (end - staged)]
    return [name, px, baked.samples, *(f"{figure:.2f}" for figure in figures), f"{peak:.0f}"]


def carve(path: Path, name: str) -> Case:
    config = load_config(None)
    with open_source(path, config.limits) as source:
        scene = prepare(read_scene(source, config.limits), config.geometry)
        level, bounds = config.levels[name], scene_bounds(scene)
        made = decimate(scene, [Target(level.max_triangles, config.geometry.max_error_px * pixel(level, bounds))])[0]
        pictures = {at: Texture(np.ascontiguousarray(each.pixels[..., :3])) for at, each in textures(scene).items()}
        source_primitive, primitive = (with_tangents(only(each)) for each in (scene, made.scene))
        distance = REACH * made.deviation.max
        return Case(source_primitive, primitive, scene.materials[0], pictures, distance, level.screen_px)


def only(scene: Scene) -> Primitive:
    ((primitive,),) = (mesh.primitives for mesh in scene.meshes)
    return primitive


def surface(primitive: Primitive) -> Surface:
    found = primitive.attributes
    return Surface(primitive.positions, primitive.indices, found["NORMAL"], found["TANGENT"], {0: found["TEXCOORD_0"]})


def look(path: Path, case: Case, baked: Baked) -> None:
    """SSIM on stderr, the front in a PNG: source, level, level baked, in colour above and in grey below."""
    json_of = case.material.json
    own = {slot: info["index"] for slot, info in slots(json_of).items()}
    small = {at: Shown(rgba(shrunk(each.pixels, len(baked.coverage)))) for at, each in case.pictures.items()}
    full = {at: Shown(rgba(each.pixels)) for at, each in case.pictures.items()}
    new = {**small, **{own[MAPS[name]]: Shown(rgba(texels)) for name, texels in baked.maps.items()}}
    rows = []
    for material in (
        case.material,
        Material({"pbrMetallicRoughness": PLAIN, "normalTexture": json_of["normalTexture"]}),
    ):
        shown = [(case.source, full), (case.level, small), (case.level, new)]
        source, level, again = ([*pictures(each, material, maps, case)] for each, maps in shown)
        before, after = likeness(source, level), likeness(source, again)
        print(
            f"SSIM, mean and worst: {before.mean:.4f}, {before.worst:.4f}; baked {after.mean:.4f}, {after.worst:.4f}",
            file=sys.stderr,
        )
        rows.append(np.concatenate([each[0].over(GREY) for each in (source, level, again)], axis=1))
    Picture.fromarray(np.concatenate(rows)).save(path)


def slots(material: Mapping[str, object]) -> Mapping[str, Mapping[str, int]]:
    return {slot.name: slot.info for slot in Material(dict(material)).textures}


def pictures(primitive: Primitive, material: Material, maps: Mapping[int, Shown], case: Case) -> list[Frame]:
    found = primitive.attributes
    uvs = {0: found["TEXCOORD_0"]}
    drawable = Drawable(primitive.positions, primitive.indices, found["NORMAL"], uvs, material=material)
    box = drawn_box([replace(drawable, positions=case.source.positions, indices=case.source.indices)])
    samples = Look(samples=max(2, 4096 // case.screen_px // 2), rays=0)
    return [render([drawable], maps, camera, case.screen_px, samples) for camera in views(box)]


def shrunk(pixels: Array, px: int) -> Array:
    return np.asarray(Picture.fromarray(pixels).resize((px, px), Picture.Resampling.LANCZOS))


def rgba(pixels: Array) -> Array:
    return np.dstack([pixels[..., :3], np.full(pixels.shape[:2], 255, np.uint8)])


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
