import dataclasses
import json

import DracoPy
import numpy as np
import pytest

from assetpipe.asset import Json, Primitive
from assetpipe.config import load_config
from assetpipe.errors import UsageError
from assetpipe.quality import PROFILES, Finding, audit_glb
from assetpipe.quality.checks import CHECKS
from tests.quality.files import document_of, edited, glb, model, picture
from tests.shapes import box, grid, primitive, sphere

LEVEL = load_config().levels["preview"]
TEXTURED: Json = {"materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]}


def found(data: bytes, check: str, **options: object) -> Finding:
    findings = audit_glb(data, **{"level": None, "name": "m.glb", **options})  # type: ignore[arg-type]
    (only,) = [finding for finding in findings if finding.check == check]
    return only


def quad(uvs: object = ((0, 1), (1, 1), (1, 0), (0, 0)), size: float = 1.0) -> Primitive:
    """A square that faces +Z, its texture upright."""
    positions = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32) * size
    return primitive(positions, np.tile([0, 0, 1.0], (4, 1)), np.array(uvs), np.array([0, 1, 2, 0, 2, 3]), 0)


def draco(shape: Primitive, vertices: int | None = None) -> bytes:
    """A box-like model whose one primitive is Draco; `vertices` is what its accessors claim."""
    packed = DracoPy.encode(
        shape.positions, shape.indices.reshape(-1, 3), tex_coord=shape.attributes["TEXCOORD_0"].astype(float)
    )
    decoded = DracoPy.decode(packed)
    ids = {kind: item["unique_id"] for item in decoded.attributes for kind in [item["attribute_type"]]}
    low, high = decoded.points.min(axis=0).tolist(), decoded.points.max(axis=0).tolist()
    count = vertices or len(decoded.points)
    accessors = [
        {"componentType": 5126, "type": "VEC3", "count": count, "min": low, "max": high},
        {"componentType": 5126, "type": "VEC2", "count": count},
        {"componentType": 5125, "type": "SCALAR", "count": decoded.faces.size},
    ]
    extension = {"bufferView": 0, "attributes": {"POSITION": ids[0], "TEXCOORD_0": ids[3]}}
    drawn = {"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2}
    return glb(
        {
            "asset": {"version": "2.0"},
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}],
            "meshes": [{"primitives": [{**drawn, "extensions": {"KHR_draco_mesh_compression": extension}}]}],
            "accessors": accessors,
            "bufferViews": [{"buffer": 0, "byteLength": len(packed)}],
            "buffers": [{"byteLength": len(packed)}],
        },
        packed,
    )


def test_a_level_is_held_to_its_three_promises() -> None:
    """Bytes, drawn triangles and texture size, each with its value and its limit."""
    data = model(sphere(160, material=0), images=[picture(1024, 8)], **TEXTURED)
    triangles = found(data, "triangles", level=LEVEL)
    assert triangles.verdict == "fail"
    assert triangles.message == "m.glb: triangles 25,280; the level allows at most 10,000"
    assert found(data, "texture size", level=LEVEL).message.endswith(
        "texture size 1,024 px; the level allows at most 512 px"
    )
    assert found(data, "file size", level=LEVEL).verdict == "fail"
    assert found(model(box()), "file size", level=LEVEL).verdict == "pass"


def test_a_limit_that_is_met_exactly_is_kept() -> None:
    """ "At most" includes the limit itself."""
    level = LEVEL.model_copy(update={"max_triangles": 12})
    assert found(model(box()), "triangles", level=level).verdict == "pass"
    level = LEVEL.model_copy(update={"max_triangles": 11})
    assert found(model(box()), "triangles", level=level).verdict == "fail"


def test_triangles_count_as_often_as_they_are_drawn() -> None:
    """Two nodes that show one mesh draw it twice; a node outside the scene draws nothing."""
    nodes = [{"children": [1, 2]}, {"mesh": 0}, {"mesh": 0}, {"mesh": 0}]
    data = edited(model(box()), nodes=nodes)
    assert "triangles 24;" in found(data, "triangles", level=LEVEL).message
    assert "draw calls 2;" in found(data, "draw calls", profile="khronos-planner").message


@pytest.mark.parametrize(("mode", "triangles"), [(4, 12), (5, 34), (6, 34), (0, 0), (1, 0)])
def test_every_primitive_mode_is_counted_by_its_own_rule(mode: int, triangles: int) -> None:
    """36 indices are 12 triangles, or 34 in a strip or fan, or none at all."""
    document = document_of(model(box()))
    document["meshes"][0]["primitives"][0]["mode"] = mode
    assert f"triangles {triangles};" in found(edited(model(box()), **document), "triangles", level=LEVEL).message


def test_draco_is_opened_and_compared_with_what_the_accessors_say() -> None:
    """Garbage or a wrong count in the compressed data is found although the document looks sound."""
    assert found(draco(sphere(16)), "draco").verdict == "pass"
    lie = found(draco(sphere(16), vertices=7), "draco")
    assert lie.verdict == "fail"
    assert "7" in lie.message
    broken = draco(sphere(16)).replace(b"DRACO", b"DRAGO")
    assert found(broken, "draco").verdict == "fail"


def test_uvs_are_judged_inside_draco_too() -> None:
    """Khronos' auditor reads no Draco; this one finds the same UVs there."""
    lattice, indices = grid(4, 4)
    upright = np.stack([lattice[:, 0], 1 - lattice[:, 1], np.zeros(len(lattice))], axis=-1)
    flat = primitive(upright, np.tile([0, 0, 1.0], (25, 1)), lattice, indices)
    shifted = dataclasses.replace(
        flat, attributes={**flat.attributes, "TEXCOORD_0": flat.attributes["TEXCOORD_0"] + 0.5}
    )
    for check in ("UV outside 0..1", "mirrored UV triangles", "overlapping UVs"):
        assert found(draco(flat), check, profile="khronos").verdict == "pass", check
    assert "0.5;" in found(draco(shifted), "UV outside 0..1", profile="khronos").message


def test_mirrored_and_overlapping_uvs_are_told_from_upright_ones() -> None:
    """An upright square is fine; turned over it is mirrored; laid upon itself it overlaps completely."""
    upright, turned = quad(), quad(((1, 1), (0, 1), (0, 0), (1, 0)))
    textured = {"images": [picture(8, 8)], **TEXTURED}
    assert found(model(upright, **textured), "mirrored UV triangles", profile="khronos").verdict == "pass"
    assert "2;" in found(model(turned, **textured), "mirrored UV triangles", profile="khronos").message
    assert found(model(upright, **textured), "overlapping UVs", profile="khronos").verdict == "pass"
    assert " 99." in found(model(upright, turned, **textured), "overlapping UVs", profile="khronos").message


def test_texel_density_is_in_texels_per_metre_of_the_world() -> None:
    """A texture of 100 texels across 2 m has 50 per metre, node scale included."""
    data = model(quad(size=0.5), images=[picture(100, 100)], **TEXTURED)
    data = edited(data, nodes=[{"mesh": 0, "scale": [4, 4, 4]}])
    assert "texel density 50 px/m" in found(data, "texel density", profile="khronos").message


def test_extents_are_of_the_world_not_of_the_mesh() -> None:
    """A unit box under a scaled and turned parent has the size that a shopper sees."""
    half_turn = [0, 0, 0.7071067811865476, 0.7071067811865476]
    nodes = [{"children": [1], "scale": [200, 1, 0.001]}, {"mesh": 0, "rotation": half_turn}]
    data = edited(model(box()), nodes=nodes)
    assert "200 m" in found(data, "largest extent", profile="khronos").message
    assert "0.001 m" in found(data, "smallest extent", profile="khronos").message
    assert found(data, "moved roots", profile="khronos").verdict == "fail"


def test_base_colours_too_dark_or_too_bright_to_be_lit_are_found() -> None:
    """The range is of each pixel's largest channel, as Khronos' auditor has it."""
    data = model(box(material=0), images=[picture(16, 16, (2, 20, 10))], **TEXTURED)
    assert "darkest base colour 20 of 255" in found(data, "darkest base colour", profile="khronos").message
    assert found(data, "darkest base colour", profile="khronos").verdict == "fail"
    assert found(data, "brightest base colour", profile="khronos").verdict == "pass"
    plain = model(box(material=0), materials=[{}])
    assert found(plain, "darkest base colour", profile="khronos").message.endswith("there is nothing to test")


@pytest.mark.parametrize(
    ("form", "mime"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("AVIF", "image/avif")]
)
def test_pictures_of_every_kind_are_measured(form: str, mime: str) -> None:
    """The size comes from the picture itself."""
    data = model(box(material=0), images=[picture(96, 48, form=form)], mime=mime, **TEXTURED)
    assert found(data, "images").verdict == "pass"
    assert "texture size 96 px" in found(data, "texture size", profile="khronos").message
    assert "smallest texture 48 px" in found(data, "smallest texture", profile="khronos").message
    assert found(data, "odd texture sizes", profile="khronos").message.split("sizes ")[1][0] == "2"


def test_a_picture_that_is_not_what_it_says_is_found() -> None:
    """A JPEG that calls itself PNG, and half a PNG."""
    disguised = model(box(material=0), images=[picture(8, 8, form="JPEG")], **TEXTURED)
    assert found(disguised, "images").message == "m.glb: image 0 says image/png and is image/jpeg"
    assert found(model(box(material=0), images=[picture(64, 64)[:20]], **TEXTURED), "images").verdict == "fail"


def test_a_file_outside_is_never_opened(tmp_path: object) -> None:
    """A URI is reported, not followed: a published file must stand alone, and the reader must not be led astray."""
    data = edited(
        model(box(material=0), **TEXTURED), images=[{"uri": "file:///etc/hostname"}], textures=[{"source": 0}]
    )
    assert found(data, "self-contained").message == "m.glb: not self-contained: image 0 lies at a URI"
    assert found(data, "images").verdict == "fail"


def test_advice_warns_and_a_limit_fails() -> None:
    """Google Merchant takes up to 15 MB and recommends 10."""
    heavy = model(box()) + bytes(12_000_000)
    assert found(heavy, "file size", profile="google").verdict == "warn"
    assert found(heavy + bytes(4_000_000), "file size", profile="google").verdict == "fail"
    assert found(model(box()), "file size", profile="google").verdict == "pass"


def test_what_cannot_be_tested_says_so_and_does_not_pass() -> None:
    """Strips are counted, but their UVs are not followed."""
    document = document_of(model(box()))
    document["meshes"][0]["primitives"][0]["mode"] = 5
    finding = found(edited(model(box()), **document), "overlapping UVs", profile="khronos")
    assert (finding.verdict, "not followed" in finding.message) == ("not tested", True)


@pytest.mark.parametrize(
    "changes",
    [
        {"nodes": [{"mesh": 9}]},
        {"nodes": [{"children": [0], "mesh": 0}]},
        {"nodes": [{"children": [77]}]},
        {"scenes": [{"nodes": [5]}]},
        {"accessors": []},
        {"bufferViews": []},
        {"meshes": [{"primitives": [{"attributes": {}}]}]},
        {"meshes": [{"primitives": [{"attributes": {"POSITION": 1}, "indices": 2}]}]},
        {"images": [{"bufferView": 99, "mimeType": "image/png"}]},
        {"materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 9}}}]},
        {"nodes": "none"},
        {"meshes": [{}]},
    ],
)
def test_no_file_brings_the_auditor_down(changes: Json) -> None:
    """References that lead nowhere end in a verdict, for every budget there is."""
    data = edited(model(box(material=0), images=[picture(8, 8)], **TEXTURED), **changes)
    for profile in PROFILES:
        assert audit_glb(data, level=LEVEL, name="bad.glb", profile=profile)


@pytest.mark.parametrize(
    "data", [b"", b"glTF", b"{}", b"glTF" + bytes(8), b"glTF\x02\0\0\0\xff\xff\xff\xff", bytes(1000)]
)
def test_what_is_no_glb_fails_in_one_finding(data: bytes) -> None:
    """Nothing can be said about a file that cannot be opened, but that."""
    (finding,) = audit_glb(data, level=LEVEL, name="junk.glb")
    assert (finding.check, finding.verdict) == ("readable", "fail")


def test_every_limit_of_every_profile_can_be_measured() -> None:
    """The table of budgets names only checks that exist."""
    for profile, limits in PROFILES.items():
        assert not limits.keys() - CHECKS.keys(), profile


def test_an_unknown_profile_is_refused_with_the_nearest_name() -> None:
    """A typo is a usage error, not a pass."""
    with pytest.raises(UsageError, match="did you mean google") as caught:
        audit_glb(model(box()), level=None, name="m.glb", profile="gogle")
    assert caught.value.exit_code == 2


def test_findings_are_plain_json() -> None:
    """What a machine reads is what a person reads."""
    findings = audit_glb(model(box()), level=LEVEL, name="m.glb", profile="khronos")
    again = json.loads(json.dumps([dataclasses.asdict(finding) for finding in findings]))
    assert [Finding(**item) for item in again] == findings
