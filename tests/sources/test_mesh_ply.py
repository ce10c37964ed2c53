"""PLY -> Scene."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh

from tests.sources.mesh_files import area, corners, picture, read, refuse, sphere


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
