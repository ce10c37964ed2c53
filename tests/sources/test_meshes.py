"""Source (OBJ with MTL, STL, PLY) -> Scene."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import trimesh

from assetpipe.asset import LINES, TRIANGLES, Array, Scene
from assetpipe.config import Limits, load_config
from assetpipe.errors import AssetpipeError, LimitExceeded, SourceError
from assetpipe.sources.files import open_source
from assetpipe.sources.meshes import read_meshes

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"


@pytest.fixture
def limits() -> Limits:
    return load_config().limits


def read(path: Path, data: str | bytes) -> Scene:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    limits = load_config().limits
    return read_meshes(open_source(path, limits), limits)


def refuse(path: Path, data: str | bytes) -> AssetpipeError:
    with pytest.raises(AssetpipeError) as caught:
        read(path, data)
    assert str(path.parent) not in caught.value.message
    assert path.name in caught.value.message
    return caught.value


def corners(scene: Scene, mesh: int = 0, primitive: int = 0) -> Array:
    """(triangles, 3, 3) positions"""
    found = scene.meshes[mesh].primitives[primitive]
    return found.positions[found.indices.reshape(-1, 3)]


def area(triangles: Array) -> float:
    return float(
        np.linalg.norm(np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), axis=1).sum() / 2
    )


def picture(path: Path, colour: tuple[int, ...] | Array, mode: str = "RGB") -> None:
    image = PIL.Image.new(mode, (4, 4), colour) if isinstance(colour, tuple) else PIL.Image.fromarray(colour)
    image.save(path)


def sphere() -> trimesh.Trimesh:
    return trimesh.creation.icosphere(subdivisions=2)


# OBJ: geometry


def test_objects_and_groups_become_named_nodes(tmp_path: Path) -> None:
    """Each object and each group of it is a node with a mesh; its materials are its primitives."""
    chair = "o Oak chair\nusemtl wood\nf 1 2 3\ng back rest\nusemtl cloth\nf 1 3 4\nusemtl wood\nf 2 3 4\n"
    scene = read(tmp_path / "set of two.obj", SQUARE + chair + "o Table\nf 1 2 4\n")
    assert [mesh.name for mesh in scene.meshes] == ["Oak chair", "Oak chair back rest", "Table"]
    assert [node.json["name"] for node in scene.nodes] == ["Oak chair", "Oak chair back rest", "Table"]
    assert [len(mesh.primitives) for mesh in scene.meshes] == [1, 2, 1]
    assert [material.name for material in scene.materials] == ["wood", "cloth"]
    assert scene.meshes[1].primitives[0].material == 1


def test_a_group_that_comes_back_stays_one_mesh(tmp_path: Path) -> None:
    """Exporters that sort by material visit a group many times."""
    scene = read(tmp_path / "a.obj", SQUARE + "g a\nf 1 2 3\ng b\nf 1 3 4\ng a\nf 2 3 4\n")
    assert [(mesh.name, mesh.triangles) for mesh in scene.meshes] == [("a", 2), ("b", 1)]


def test_a_negative_index_counts_back_from_its_own_line(tmp_path: Path) -> None:
    """Not from the end of the file."""
    scene = read(tmp_path / "a.obj", TRIANGLE + "f -3 -2 -1\n" + TRIANGLE.replace(" 0\n", " 5\n") + "f -3 -2 -1\n")
    np.testing.assert_array_equal(corners(scene)[:, :, 2], [[0, 0, 0], [5, 5, 5]])


@pytest.mark.parametrize(
    ("index", "line"), [("0 1 2", 4), ("1 2 9", 4), ("-9 1 2", 4), ("1/5 2/1 3/1", 4), ("99999999999999999999 1 2", 4)]
)
def test_an_index_that_names_nothing_is_refused_by_line(tmp_path: Path, index: str, line: int) -> None:
    """OBJ counts from 1; no index wraps around."""
    assert f"line {line}" in refuse(tmp_path / "a.obj", TRIANGLE + f"f {index}\n").message


def test_concave_polygons_keep_their_outline(tmp_path: Path) -> None:
    """A fan over a concave corner would cover what lies outside."""
    arrow = [(0, 0), (2, 2), (0, 1), (-2, 2)]
    star = [
        (np.sin(a * np.pi / 5) * (2 if a % 2 else 1), np.cos(a * np.pi / 5) * (2 if a % 2 else 1)) for a in range(10)
    ]
    for outline in (arrow, arrow[::-1], star, star[::-1], arrow[1:] + arrow[:1]):
        points = np.array([(x, y, 0) for x, y in outline], float)
        text = (
            "".join(f"v {x} {y} 0\n" for x, y in outline) + f"f {' '.join(str(i + 1) for i in range(len(outline)))}\n"
        )
        triangles = corners(read(tmp_path / "a.obj", text))
        enclosed = np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0)[2] / 2
        normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])[:, 2]
        assert area(triangles) == pytest.approx(abs(enclosed), rel=1e-5)
        assert (np.sign(normals) == np.sign(enclosed)).all()


def test_faces_with_and_without_uvs_do_not_lose_them(tmp_path: Path) -> None:
    """What some corners have is not taken from them because others lack it."""
    text = SQUARE + "vt 0 0\nvt 1 0\nvt 1 1\nvn 0 0 1\nf 1/1/1 2/2/1 3/3/1\nf 1//1 3//1 4//1\nf 1 2 4\nf 1/1 2/2 4/3\n"
    primitives = read(tmp_path / "a.obj", text).meshes[0].primitives
    found = [("NORMAL" in one.attributes, "TEXCOORD_0" in one.attributes, one.triangles) for one in primitives]
    assert sorted(found) == [(False, False, 1), (False, True, 1), (True, False, 1), (True, True, 1)]


def test_v_is_turned_upside_down(tmp_path: Path) -> None:
    """glTF puts UV (0, 0) at the top left of the image; OBJ puts it at the bottom left."""
    scene = read(tmp_path / "a.obj", TRIANGLE + "vt 0.25 0\nvt 1 0.75\nvt 0 1\nf 1/1 2/2 3/3\n")
    uvs = scene.meshes[0].primitives[0].attributes["TEXCOORD_0"]
    np.testing.assert_allclose(uvs, [[0.25, 1], [1, 0.25], [0, 0]])


def test_text_that_people_send_is_read(tmp_path: Path) -> None:
    """Carriage returns, tabs, indents, comments, continued lines, a byte order mark, exponents, no last newline."""
    text = "\ufeff# made by hand\r\n  v 0 0 0 # here\r\nv\t1e0\t0 0\r\nv 0 1.0E+00 0\r\n\tf 1 \\\r\n 2/ 3//"
    scene = read(tmp_path / "a.obj", text)
    np.testing.assert_array_equal(corners(scene), [[[0, 0, 0], [1, 0, 0], [0, 1, 0]]])
    assert read(tmp_path / "mac.obj", (TRIANGLE + "f 1 2 3\n").replace("\n", "\r")).triangles == 1


def test_colours_of_vertices_become_linear(tmp_path: Path) -> None:
    """Scanners write sRGB behind the position; glTF's COLOR_0 is linear."""
    text = "v 0 0 0 1 0.5 0\nv 1 0 0 1 0.5 0\nv 0 1 0 1 0.5 0\nf 1 2 3\n"
    colours = read(tmp_path / "a.obj", text).meshes[0].primitives[0].attributes["COLOR_0"]
    np.testing.assert_allclose(colours, [[1, 0.214041, 0]] * 3, atol=1e-6)


def test_lines_and_points_survive_beside_triangles(tmp_path: Path) -> None:
    """A polyline becomes pairs."""
    scene = read(tmp_path / "a.obj", SQUARE + "f 1 2 3\nl 1 2 3 4\np 1 4\n")
    by_mode = {one.mode: one for one in scene.meshes[0].primitives}
    assert by_mode[LINES].positions[by_mode[LINES].indices].tolist()[1:3] == [[1, 0, 0], [1, 0, 0]]
    assert (len(by_mode[LINES].indices), len(by_mode[0].indices), by_mode[TRIANGLES].triangles) == (6, 2, 1)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (SQUARE, "E_EMPTY"),
        (SQUARE + "l 1 2\n", "E_UNSUPPORTED_TOPOLOGY"),
        (SQUARE + "f 1 2\n", "E_EMPTY"),
        ("# nothing\n", "E_EMPTY"),
        ("v 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "E_OBJ"),
        ("v 0,5 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "E_OBJ"),
        (TRIANGLE + "f 1/1/1/1 2 3\n", "E_OBJ"),
        (TRIANGLE + "f a b c\n", "E_OBJ"),
        (TRIANGLE + "f /1 2 3\n", "E_OBJ"),
        ("v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "E_NONFINITE"),
        ("v 1e999 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "E_NONFINITE"),
        ("v 1e30 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "E_EXTENT"),
    ],
)
def test_what_is_no_surface_is_refused(tmp_path: Path, text: str, code: str) -> None:
    """With a code of its own and never with a traceback."""
    assert refuse(tmp_path / "a.obj", text).code == code


def test_a_number_that_is_none_is_named_by_line(tmp_path: Path) -> None:
    """The line is that of the file, however its lines are continued."""
    assert "line 5: 'x1'" in refuse(tmp_path / "a.obj", "# one\nv 0 0 0\nv 1 \\\n0 0\nv 0 x1 0\nf 1 2 3\n").message


def test_vertices_that_no_face_uses_do_not_matter(tmp_path: Path) -> None:
    """They may even be NaN."""
    assert len(read(tmp_path / "a.obj", "v nan 0 0\n" + TRIANGLE + "f 2 3 4\n").meshes[0].primitives[0].positions) == 3


def test_normals_that_are_none_are_dropped_with_a_note(tmp_path: Path) -> None:
    """A normal of no length would be NaN after its first use."""
    scene = read(tmp_path / "a.obj", TRIANGLE + "vn 0 0 0\nf 1//1 2//1 3//1\n")
    assert "NORMAL" not in scene.meshes[0].primitives[0].attributes
    assert any("NORMAL dropped" in repair for repair in scene.repairs)


def test_a_model_far_away_keeps_its_detail(tmp_path: Path) -> None:
    """float32 at 4,000 km has steps of half a metre; a node carries the distance instead."""
    text = "v 4000000.001 0 0\nv 4000000.251 0 0\nv 4000000.001 1 0\nf 1 2 3\n"
    scene = read(tmp_path / "a.obj", text)
    triangle = corners(scene)[0]
    assert triangle[1, 0] - triangle[0, 0] == pytest.approx(0.25, abs=1e-6)
    parent = scene.nodes[scene.json["scenes"][0]["nodes"][0]].json
    assert parent["translation"][0] + triangle[0, 0] == pytest.approx(4000000.001, abs=1e-3)


def test_a_model_in_millimetres_gets_a_warning(tmp_path: Path) -> None:
    """OBJ knows no units."""
    scene = read(tmp_path / "a.obj", "v 0 0 0\nv 800 0 0\nv 0 450 0\nf 1 2 3\n")
    assert any("800 m across, which looks like millimetres" in warning for warning in scene.warnings)
    assert read(tmp_path / "b.obj", TRIANGLE + "f 1 2 3\n").warnings == ()


def test_the_same_file_gives_the_same_scene_as_an_independent_reader(tmp_path: Path) -> None:
    """trimesh reads well-formed OBJ rightly: its triangles are ours, UVs and normals included."""
    mesh = sphere()
    uvs = np.random.default_rng(7).random((len(mesh.vertices), 2))
    mesh.visual = trimesh.visual.TextureVisuals(uv=uvs)
    text = trimesh.exchange.obj.export_obj(mesh, include_normals=True, digits=9)
    one = read(tmp_path / "a.obj", text).meshes[0].primitives[0]
    np.testing.assert_allclose(one.positions[one.indices].reshape(-1, 3, 3), mesh.triangles, atol=1e-6)
    np.testing.assert_allclose(
        one.attributes["TEXCOORD_0"][one.indices] * (1, -1) + (0, 1), uvs[mesh.faces.reshape(-1)], atol=1e-6
    )
    np.testing.assert_allclose(
        one.attributes["NORMAL"][one.indices], mesh.vertex_normals[mesh.faces.reshape(-1)], atol=1e-5
    )


def test_the_triangle_limit_is_the_configs(tmp_path: Path, limits: Limits) -> None:
    """The message has the value and the limit."""
    path = tmp_path / "a.obj"
    path.write_text(SQUARE + "f 1 2 3 4\n")
    tight = limits.model_copy(update={"triangles": 1})
    with pytest.raises(LimitExceeded, match="2 triangles, limit 1"):
        read_meshes(open_source(path, tight), tight)


# MTL

UVED = TRIANGLE + "vt 0 0\nvt 1 0\nvt 0 1\nusemtl m\nf 1/1 2/2 3/3\n"


def material(folder: Path, mtl: str) -> Scene:
    (folder / "own lib.mtl").write_text("newmtl m\n" + mtl)
    return read(folder / "a.obj", "mtllib own lib.mtl\n" + UVED)


def test_pictures_stay_as_they_are(tmp_path: Path) -> None:
    """PNG and JPEG keep their bytes, names with blanks are found."""
    picture(tmp_path / "oak wood.jpg", (120, 80, 40))
    scene = material(tmp_path, "Kd 0.8 0.8 0.8\nmap_Kd oak wood.jpg\n")
    assert bytes(scene.images[0].data) == (tmp_path / "oak wood.jpg").read_bytes()
    assert (scene.images[0].mime, scene.images[0].uri) == ("image/jpeg", "oak wood.jpg")
    base = scene.materials[0].json["pbrMetallicRoughness"]
    assert base["baseColorFactor"] == [1, 1, 1, 1]
    assert scene.json["textures"][base["baseColorTexture"]["index"]] == {"source": 0}


def test_pictures_that_gltf_cannot_hold_become_png(tmp_path: Path) -> None:
    """TGA, BMP and TIFF, pixel by pixel."""
    for suffix in ("tga", "bmp", "tif"):
        picture(tmp_path / f"c.{suffix}", (200, 100, 50))
        scene = material(tmp_path, f"map_Kd c.{suffix}\n")
        assert scene.images[0].mime == "image/png"
        assert PIL.Image.open(io.BytesIO(scene.images[0].data)).getpixel((1, 1)) == (200, 100, 50)


def test_a_tint_multiplies_its_map_and_a_grey_does_not(tmp_path: Path) -> None:
    """Exporters leave Kd at a grey of their own (0, 0.588, 0.8) beside a map."""
    picture(tmp_path / "c.png", (200, 100, 50))
    assert material(tmp_path, "Kd 0 0 0\nmap_Kd c.png\n").materials[0].json["pbrMetallicRoughness"]["baseColorFactor"][
        :3
    ] == [1, 1, 1]
    tinted = material(tmp_path, "Kd 1 0.2 0.2\nmap_Kd c.png\n").materials[0].json
    assert tinted["pbrMetallicRoughness"]["baseColorFactor"] == [1, 0.2, 0.2, 1]


def test_roughness_and_metalness_are_packed(tmp_path: Path) -> None:
    """glTF reads roughness from green and metalness from blue of one texture."""
    picture(tmp_path / "r.png", (90,), "L")
    picture(tmp_path / "m.png", (200,), "L")
    scene = material(tmp_path, "map_Pr r.png\nmap_Pm m.png\n")
    base = scene.materials[0].json["pbrMetallicRoughness"]
    assert (base["roughnessFactor"], base["metallicFactor"]) == (1, 1)
    image = scene.images[scene.json["textures"][base["metallicRoughnessTexture"]["index"]]["source"]]
    assert PIL.Image.open(io.BytesIO(image.data)).getpixel((0, 0)) == (255, 90, 200)


def test_a_packed_picture_is_taken_as_it_is(tmp_path: Path) -> None:
    """map_Pr and map_Pm of one coloured file are occlusion, roughness and metalness already."""
    picture(tmp_path / "orm.png", (255, 90, 200))
    scene = material(tmp_path, "map_Pr orm.png\nmap_Pm orm.png\n")
    assert bytes(scene.images[0].data) == (tmp_path / "orm.png").read_bytes()


@pytest.mark.parametrize(
    ("mtl", "roughness"),
    [("Pr 0.3\nNs 900\n", 0.3), ("Ns 6\n", 0.7071), ("Ns 6\nKs 0 0 0\n", 1.0), ("", 1.0)],
)
def test_gloss_becomes_roughness(tmp_path: Path, mtl: str, roughness: float) -> None:
    """Pr wins; Ns is Blinn's exponent; no highlight is fully rough."""
    found = material(tmp_path, mtl).materials[0].json["pbrMetallicRoughness"]["roughnessFactor"]
    assert found == pytest.approx(roughness, abs=1e-4)


def test_blenders_gloss_is_read_its_own_way(tmp_path: Path) -> None:
    """Blender writes Ns = 1000 (1 - roughness)^2."""
    (tmp_path / "a.mtl").write_text("# Blender 4.2.0 MTL File: 'x'\nnewmtl m\nNs 250\n")
    scene = read(tmp_path / "a.obj", "mtllib a.mtl\n" + UVED)
    assert scene.materials[0].json["pbrMetallicRoughness"]["roughnessFactor"] == pytest.approx(0.5)


def test_an_opacity_map_becomes_alpha(tmp_path: Path) -> None:
    """A black and white one is a cutout, any other blends."""
    picture(tmp_path / "c.png", (200, 100, 50))
    cut = np.zeros((4, 4), np.uint8)
    cut[:2] = 255
    picture(tmp_path / "cut.png", cut)
    picture(tmp_path / "half.png", (128,), "L")
    scene = material(tmp_path, "map_Kd c.png\nmap_d cut.png\n")
    assert scene.materials[0].alpha_mode == "MASK"
    pixels = np.asarray(PIL.Image.open(io.BytesIO(scene.images[0].data)))
    assert pixels[0, 0].tolist() == [200, 100, 50, 255]
    assert pixels[3, 0].tolist() == [200, 100, 50, 0]
    assert material(tmp_path, "map_Kd c.png\nmap_d half.png\n").materials[0].alpha_mode == "BLEND"


@pytest.mark.parametrize(
    ("mtl", "alpha"), [("d 0.25\n", 0.25), ("Tr 0.75\n", 0.25), ("d 0\n", 1), ("Tr 1\n", 1), ("d -halo 0.5\n", 0.5)]
)
def test_transparency_is_read_both_ways(tmp_path: Path, mtl: str, alpha: float) -> None:
    """Nobody ships a material that cannot be seen at all."""
    json = material(tmp_path, mtl).materials[0].json
    assert json["pbrMetallicRoughness"]["baseColorFactor"][3] == alpha
    assert json.get("alphaMode", "OPAQUE") == ("OPAQUE" if alpha == 1 else "BLEND")


def test_a_height_map_is_no_normal_map(tmp_path: Path) -> None:
    """`map_Bump` holds either; a grey one is left out and said."""
    picture(tmp_path / "height.png", np.random.default_rng(1).integers(0, 255, (8, 8), np.uint8))
    picture(tmp_path / "normal.png", (128, 128, 255))
    scene = material(tmp_path, "map_Bump -bm 0.5 height.png\n")
    assert "normalTexture" not in scene.materials[0].json
    assert any("height map" in warning for warning in scene.warnings)
    assert material(tmp_path, "bump -bm 0.5 normal.png\n").materials[0].json["normalTexture"] == {
        "index": 0,
        "scale": 0.5,
    }


def test_what_shines_brighter_than_white_keeps_its_strength(tmp_path: Path) -> None:
    """emissiveFactor ends at 1."""
    scene = material(tmp_path, "Ke 4 2 0\n")
    assert scene.materials[0].json["emissiveFactor"] == [1, 0.5, 0]
    assert scene.materials[0].json["extensions"]["KHR_materials_emissive_strength"] == {"emissiveStrength": 4}
    assert scene.json["extensionsUsed"] == ["KHR_materials_emissive_strength"]


def test_map_options_become_a_texture_transform(tmp_path: Path) -> None:
    """MTL shifts with v upwards, glTF with v downwards; clamping becomes a sampler."""
    picture(tmp_path / "2 c.png", (200, 100, 50))
    scene = material(tmp_path, "map_Kd -s 2 3 1 -o 0.1 0.2 -clamp on 2 c.png\n")
    texture = scene.materials[0].json["pbrMetallicRoughness"]["baseColorTexture"]
    transform = texture["extensions"]["KHR_texture_transform"]
    u, v = 0.3, 0.4  # as OBJ has them
    assert transform["offset"][0] + transform["scale"][0] * u == pytest.approx(2 * u + 0.1)
    assert transform["offset"][1] + transform["scale"][1] * (1 - v) == pytest.approx(1 - (3 * v + 0.2))
    assert scene.json["samplers"] == [{"wrapS": 33071, "wrapT": 33071}]


def test_one_picture_for_two_materials_is_there_once(tmp_path: Path) -> None:
    """Images are told apart by content."""
    picture(tmp_path / "c.png", (1, 2, 3))
    (tmp_path / "c2.png").write_bytes((tmp_path / "c.png").read_bytes())
    (tmp_path / "l.mtl").write_text("newmtl a\nmap_Kd c.png\nnewmtl b\nmap_Kd c2.png\n")
    scene = read(tmp_path / "a.obj", "mtllib l.mtl\n" + SQUARE + "usemtl a\nf 1 2 3\nusemtl b\nf 1 3 4\n")
    assert (len(scene.materials), len(scene.images), len(scene.json["textures"])) == (2, 1, 1)


def test_missing_files_are_warnings(tmp_path: Path) -> None:
    """The shape is still worth publishing; whoever reads the manifest learns what is missing."""
    scene = material(tmp_path, "Kd 1 0 0\nmap_Kd gone.png\nmap_Ke C:\\Users\\me\\glow.png\n")
    assert scene.materials[0].json["pbrMetallicRoughness"]["baseColorFactor"] == [1, 0, 0, 1]
    assert any("gone.png" in warning for warning in scene.warnings)
    assert any("glow.png" in warning for warning in scene.warnings)
    assert any("lost.mtl" in warning for warning in read(tmp_path / "b.obj", "mtllib lost.mtl\n" + UVED).warnings)


def test_an_authors_absolute_path_means_the_file_beside_the_source(tmp_path: Path) -> None:
    """Windows tools write them into every MTL."""
    picture(tmp_path / "oak.png", (1, 2, 3))
    scene = material(tmp_path, "map_Kd C:\\Users\\me\\textures\\oak.png\n")
    assert len(scene.images) == 1
    assert any("oak.png" in repair for repair in scene.repairs)


@pytest.mark.parametrize("name", ["../secret.png", "a/../../secret.png", "..\\secret.png", "http://example.com/a.png"])
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    """In `mtllib` as in `map_Kd`: what a source names would be published."""
    folder = tmp_path / "source"
    folder.mkdir()
    picture(tmp_path / "secret.png", (9, 9, 9))
    (tmp_path / "secret.mtl").write_text("newmtl m\nKd 1 0 0\n")
    (folder / "l.mtl").write_text(f"newmtl m\nmap_Kd {name}\n")
    with pytest.raises(SourceError, match=r"secret|example"):
        read(folder / "a.obj", "mtllib l.mtl\n" + UVED)
    with pytest.raises(SourceError, match=r"secret|example"):
        read(folder / "a.obj", f"mtllib {name.replace('png', 'mtl')}\n" + UVED)


def test_a_broken_picture_is_a_warning(tmp_path: Path) -> None:
    """Cut off, or no picture at all."""
    picture(tmp_path / "c.png", np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8))
    whole = (tmp_path / "c.png").read_bytes()
    for data in (whole[: len(whole) // 2], b"%!PS-Adobe-3.0 EPSF-3.0\n", b""):
        (tmp_path / "c.png").write_bytes(data)
        scene = material(tmp_path, "map_Kd c.png\nmap_Bump c.png\nmap_Pr c.png\nmap_d c.png\n")
        assert scene.images == ()
        assert any("c.png" in warning for warning in scene.warnings)


def test_a_picture_bomb_is_refused_by_its_header(tmp_path: Path, limits: Limits) -> None:
    """Before a pixel of it is decoded."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", 12_000, 12_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "c.png").write_bytes(bomb + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT")))
    (tmp_path / "l.mtl").write_text("newmtl m\nmap_Kd c.png\n")
    (tmp_path / "a.obj").write_text("mtllib l.mtl\n" + UVED)
    tight = limits.model_copy(update={"image_pixels": 10_000 * 10_000})
    with pytest.raises(LimitExceeded, match="144,000,000 pixels, limit 100,000,000"):
        read_meshes(open_source(tmp_path / "a.obj", tight), tight)


# STL


def stl(mesh: trimesh.Trimesh) -> bytes:
    return bytes(trimesh.exchange.stl.export_stl(mesh))


def test_binary_stl_is_welded(tmp_path: Path) -> None:
    """Each vertex once, in the order of the facets; the triangles are those of the file."""
    mesh = sphere()
    one = read(tmp_path / "a.stl", stl(mesh)).meshes[0].primitives[0]
    assert len(one.positions) == len(mesh.vertices)
    np.testing.assert_allclose(one.positions[one.indices].reshape(-1, 3, 3), mesh.triangles, atol=1e-6)


def test_a_binary_stl_that_starts_with_solid_is_binary(tmp_path: Path) -> None:
    """The size tells, not the first word."""
    data = stl(sphere())
    assert read(tmp_path / "a.stl", b"solid made by".ljust(80) + data[80:]).triangles == 320


def test_ascii_stl_keeps_its_solids(tmp_path: Path) -> None:
    """Each solid is a mesh with its name."""
    text = trimesh.exchange.stl.export_stl_ascii(sphere()).split("\n", 1)[1].replace("endsolid", "endsolid x")
    scene = read(tmp_path / "a.stl", "solid left leg\n" + text + "solid Right\n" + text)
    assert [(mesh.name, mesh.triangles) for mesh in scene.meshes] == [("left leg", 320), ("Right", 320)]


@pytest.mark.parametrize("cut", [10, 83, 84, 500, 16_000])
def test_a_binary_stl_of_the_wrong_size_is_refused(tmp_path: Path, cut: int) -> None:
    """With what the header says and what is there."""
    error = refuse(tmp_path / "a.stl", stl(sphere())[:cut])
    assert error.code in ("E_STL_SIZE", "E_FORMAT")
    if cut >= 84:
        assert error.code == "E_STL_SIZE"
        assert "320 facets" in error.message


def test_stl_that_is_no_surface_is_refused(tmp_path: Path) -> None:
    """No facets, a cut-off text, words in place of numbers, NaN."""
    facet = "facet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex {} 1 0\nendloop\nendfacet\n"
    assert refuse(tmp_path / "a.stl", bytes(84)).code == "E_EMPTY"
    assert refuse(tmp_path / "b.stl", "solid x\nendsolid x\n").code in ("E_EMPTY", "E_STL")
    assert refuse(tmp_path / "c.stl", "solid x\n" + facet.format(0)).code == "E_STL"
    assert refuse(tmp_path / "d.stl", "solid x\n" + facet.format("zero") + "endsolid x\n").code == "E_STL"
    broken = np.frombuffer(stl(sphere()), np.uint8).copy()
    broken[84 + 12 : 84 + 16] = 255
    assert refuse(tmp_path / "e.stl", broken.tobytes()).code == "E_NONFINITE"


# PLY


@pytest.mark.parametrize("encoding", ["ascii", "binary"])
def test_ply_keeps_normals_and_colours(tmp_path: Path, encoding: str) -> None:
    """Colours are sRGB bytes in the file and linear floats in the scene."""
    mesh = sphere()
    mesh.visual.vertex_colors = np.tile(np.array([[255, 188, 0, 255]], np.uint8), (len(mesh.vertices), 1))
    data = trimesh.exchange.ply.export_ply(mesh, encoding=encoding, vertex_normal=True)
    one = read(tmp_path / "a.ply", data).meshes[0].primitives[0]
    np.testing.assert_allclose(one.positions[one.indices].reshape(-1, 3, 3), mesh.triangles, atol=1e-6)
    np.testing.assert_allclose(one.attributes["NORMAL"], mesh.vertex_normals, atol=1e-5)
    np.testing.assert_allclose(one.attributes["COLOR_0"][0], [1, 0.502886, 0], atol=1e-5)


HEAD = "ply\nformat {} 1.0\nelement vertex {}\nproperty float x\nproperty float y\nproperty float z\n"
LIST = "element face {}\nproperty list uchar int vertex_indices\nend_header\n"
PENTAGON = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0.5, 1.5, 0], [0, 1, 0]], "f4")


def mixed(order: str) -> bytes:
    """A triangle, a quad and a pentagon."""
    word = "binary_little_endian" if order == "<" else "binary_big_endian"
    faces = b"".join(struct.pack(f"{order}B{n}i", n, *range(n)) for n in (3, 4, 5))
    return (HEAD.format(word, 5) + LIST.format(3)).encode() + PENTAGON.astype(order + "f4").tobytes() + faces


def test_ply_polygons_of_any_size_are_read(tmp_path: Path) -> None:
    """In both byte orders and in text; modellers mix triangles and quads."""
    rows = "\n".join(" ".join(map(str, row)) for row in PENTAGON.tolist())
    text = HEAD.format("ascii", 5) + LIST.format(3) + rows + "\n3 0 1 2\n4 0 1 2 3\n5 0 1 2 3 4\n"
    for data in (mixed("<"), mixed(">"), text.encode(), text.replace("\n", "\r\n").encode()):
        triangles = corners(read(tmp_path / "a.ply", data))
        assert len(triangles) == 6
        assert area(triangles) == pytest.approx(0.5 + 1 + 1.25)


def test_ply_corners_may_have_uvs_of_their_own(tmp_path: Path) -> None:
    """A vertex on a seam becomes two; the picture that the header names is the base colour."""
    picture(tmp_path / "scan 1.jpg", (10, 20, 30))
    head = HEAD.format("ascii", 4).replace("element", "comment TextureFile scan 1.jpg\nelement", 1)
    head += "element face 2\nproperty list uchar int vertex_index\nproperty list uchar float texcoord\nend_header\n"
    body = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n3 0 1 2 6 0 0 1 0 1 1\n3 0 2 3 6 .5 .5 1 1 0 1\n"
    scene = read(tmp_path / "a.ply", head + body)
    one = scene.meshes[0].primitives[0]
    assert len(one.positions) == 5
    expected = [[0, 1], [1, 1], [1, 0], [0.5, 0.5], [1, 0], [0, 0]]
    np.testing.assert_allclose(one.attributes["TEXCOORD_0"][one.indices], expected)
    assert scene.materials[0].textures[0].name == "baseColor"
    assert scene.images[0].uri == "scan 1.jpg"


@pytest.mark.parametrize("names", [("s", "t"), ("u", "v"), ("texture_u", "texture_v")])
def test_ply_uvs_have_many_names(tmp_path: Path, names: tuple[str, str]) -> None:
    """All of them are read, v turned upside down."""
    head = HEAD.format("ascii", 3) + f"property float {names[0]}\nproperty float {names[1]}\n" + LIST.format(1)
    one = read(tmp_path / "a.ply", head + "0 0 0 0 0\n1 0 0 1 0\n0 1 0 0 .25\n3 0 1 2\n").meshes[0].primitives[0]
    np.testing.assert_allclose(one.attributes["TEXCOORD_0"], [[0, 1], [1, 1], [0, 0.75]])


def test_a_ply_header_bomb_is_refused_before_anything_is_allocated(tmp_path: Path) -> None:
    """Counts are held against the bytes that are there."""
    for word in ("ascii", "binary_little_endian"):
        assert (
            refuse(tmp_path / "a.ply", HEAD.format(word, 4_000_000_000) + LIST.format(1) + "0 0 0\n").code
            == "E_PLY_SIZE"
        )


def test_a_ply_list_of_four_billion_is_refused(tmp_path: Path) -> None:
    """Whatever the type of its length says."""
    head = (HEAD.format("binary_little_endian", 5) + LIST.format(1)).replace("uchar int", "uint int").encode()
    for length in (0xFFFFFFFF, 0x7FFFFFFF, 1 << 24):
        data = head + PENTAGON.tobytes() + struct.pack("<I3i", length, 0, 1, 2)
        assert refuse(tmp_path / "a.ply", data).code == "E_PLY_SIZE"
    signed = head.replace(b"uint int", b"int int") + PENTAGON.tobytes() + struct.pack("<i3i", -5, 0, 1, 2)
    assert refuse(tmp_path / "a.ply", signed).code == "E_PLY_LIST"


@pytest.mark.parametrize("cut", range(150, 250, 7))
def test_a_ply_that_is_cut_off_is_refused(tmp_path: Path, cut: int) -> None:
    """Wherever it ends."""
    data = mixed("<")
    assert cut < len(data)
    assert refuse(tmp_path / "a.ply", data[:cut]).code in ("E_PLY_HEADER", "E_PLY_SIZE", "E_PLY_LIST")


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("float x", "quad x", "E_PLY_HEADER"),
        ("element vertex 3", "element vertex -3", "E_PLY_HEADER"),
        ("ascii 1.0", "ebcdic 1.0", "E_PLY_HEADER"),
        ("end_header\n", "", "E_PLY_HEADER"),
        ("list uchar", "list float", "E_PLY_HEADER"),
        ("3 0 1 2", "3 0 1 3", "E_INDEX_RANGE"),
        ("3 0 1 2", "3 0 1 -1", "E_INDEX_RANGE"),
        ("3 0 1 2", "9 0 1 2", "E_PLY_SIZE"),
        ("3 0 1 2", "2 0 1", "E_UNSUPPORTED_TOPOLOGY"),
        ("1 0 0", "1 nan 0", "E_NONFINITE"),
        ("1 0 0", "1 zero 0", "E_PLY"),
        ("property float z\n", "", "E_EMPTY"),
    ],
)
def test_a_broken_ply_is_refused(tmp_path: Path, old: str, new: str, code: str) -> None:
    """Each fault under its own code."""
    whole = HEAD.format("ascii", 3) + LIST.format(1) + "0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
    assert old in whole
    assert refuse(tmp_path / "a.ply", whole.replace(old, new, 1)).code == code


def test_a_point_cloud_has_no_surface(tmp_path: Path) -> None:
    """It is told apart from an empty file."""
    text = HEAD.format("ascii", 3) + "end_header\n0 0 0\n1 0 0\n0 1 0\n"
    assert refuse(tmp_path / "a.ply", text).code == "E_UNSUPPORTED_TOPOLOGY"
