"""OBJ -> Scene: its geometry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from assetpipe.asset import LINES, TRIANGLES
from assetpipe.config import load_config
from assetpipe.errors import LimitExceeded
from assetpipe.sources.files import open_source
from assetpipe.sources.meshes import read_meshes
from tests.sources.mesh_files import SQUARE, TRIANGLE, area, corners, read, refuse, sphere


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


def test_the_triangle_limit_is_the_configs(tmp_path: Path) -> None:
    """The message has the value and the limit."""
    path = tmp_path / "a.obj"
    path.write_text(SQUARE + "f 1 2 3 4\n")
    tight = load_config().limits.model_copy(update={"triangles": 1})
    with pytest.raises(LimitExceeded, match="2 triangles, limit 1"):
        read_meshes(open_source(path, tight), tight)
