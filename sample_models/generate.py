"""Makes the sample models, each of which is here for one trait; the same bytes at every run.

python sample_models/generate.py              all but the heavy `scan`, next to this file
python sample_models/generate.py scan --triangles 2000000 --out /tmp/models
python sample_models/generate.py --list
"""

from __future__ import annotations

import argparse
import importlib
import json
import struct
import sys
import time
from pathlib import Path

TRAITS = {
    "sofa": "furniture: soft folds, several materials, tiled cloth (KHR_texture_transform)",
    "gadget": "hard edges, nine materials, many small parts, instances (KHR_materials_clearcoat)",
    "shoe": "one 4096² set of maps, alpha mask, three colourways (KHR_materials_variants)",
    "garment": "skin, animation, morph target, sheen (KHR_materials_sheen)",
    "lamp": "glass and light (transmission, volume, ior, emissive strength, punctual light), extras, XMP",
    "scan": "one million triangles, UV charts, three 4096² maps; only made when asked for",
}
DEFAULT = [name for name in TRAITS if name != "scan"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(TRAITS)}")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, metavar="DIR", help="where the GLBs go")
    parser.add_argument(
        "--triangles", type=int, default=1_000_000, metavar="N", help="of `scan` (default: %(default)s)"
    )
    parser.add_argument(
        "--px", type=int, default=4096, metavar="N", help="of the maps of `scan` (default: %(default)s)"
    )
    parser.add_argument("--list", action="store_true", help="say what there is, make nothing")
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in TRAITS]
    if unknown:
        parser.error(f"no sample named {', '.join(unknown)}; there are: {', '.join(TRAITS)}")
    if asked.list:
        print("\n".join(f"{name:8} {trait}" for name, trait in TRAITS.items()))
        return 0
    asked.out.mkdir(parents=True, exist_ok=True)
    for name in asked.names or DEFAULT:
        _make(name, asked.out / f"{name}.glb", {"triangles": asked.triangles, "px": asked.px} if name == "scan" else {})
    return 0


def _make(name: str, path: Path, options: dict[str, int]) -> None:
    start = time.perf_counter()
    data: bytes = importlib.import_module(f"models.{name}").build(**options)
    path.write_bytes(data)
    seconds = f"{time.perf_counter() - start:.1f} s"
    print(
        f"{name:8} {_triangles(data):9,} triangles  {len(data) / 1e6:6.1f} MB  {seconds:>6}  {TRAITS[name]}", flush=True
    )


def _triangles(glb: bytes) -> int:
    """Triangles drawn: a mesh that ten nodes show counts ten times."""
    (length,) = struct.unpack_from("<I", glb, 12)
    document = json.loads(glb[20 : 20 + length])
    of_mesh = [
        sum(document["accessors"][primitive["indices"]]["count"] // 3 for primitive in mesh["primitives"])
        for mesh in document["meshes"]
    ]
    return sum(of_mesh[node["mesh"]] for node in document["nodes"] if "mesh" in node)


if __name__ == "__main__":
    sys.exit(main())
