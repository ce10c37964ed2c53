"""STL -> Scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from tests.sources.mesh_files import read, refuse, sphere, stl


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
