"""How far two surfaces lie apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Deviation, Node, Scene
from assetpipe.geometry import measure_deviation
from assetpipe.geometry import world as module
from tests import shapes


def moved(scene: Scene, **json: object) -> Scene:
    return replace(scene, nodes=(Node({"mesh": 0, **json}),))


def test_a_sphere_one_percent_larger_is_one_percent_away() -> None:
    """Everywhere: the largest distance and the mean are the same."""
    deviation = measure_deviation(shapes.scene(shapes.sphere(64)), shapes.scene(shapes.sphere(64, 1.01)), samples=5000)
    assert deviation.max == pytest.approx(0.01, rel=0.01)
    assert deviation.rms == pytest.approx(0.01, rel=0.01)


def test_equal_surfaces_lie_in_one_place() -> None:
    """Zero, up to float32."""
    torus = shapes.scene(shapes.torus(32))
    assert measure_deviation(torus, torus, samples=5000).max < 1e-6


def test_distances_are_metres_of_the_world() -> None:
    """The node's scale counts, and far from the origin nothing is lost."""
    small = moved(shapes.scene(shapes.sphere(32)), scale=[0.1, 0.1, 0.1], translation=[5000, 0, 0])
    large = moved(shapes.scene(shapes.sphere(32, 1.01)), scale=[0.1, 0.1, 0.1], translation=[5000, 0, 0])
    assert measure_deviation(small, large, samples=2000).max == pytest.approx(0.001, rel=0.02)


def test_a_spike_is_found_though_it_has_no_area() -> None:
    """Vertices are measured too, both ways."""
    sphere = shapes.sphere(64)
    positions = sphere.positions.copy()
    positions[1000] *= 1.5
    spiked = shapes.scene(replace(sphere, attributes={**sphere.attributes, "POSITION": positions}))
    assert measure_deviation(shapes.scene(sphere), spiked).max == pytest.approx(0.5, rel=0.01)
    assert measure_deviation(spiked, shapes.scene(sphere)).max == pytest.approx(0.5, rel=0.01)


def test_a_part_that_is_gone_is_as_far_as_it_was_away() -> None:
    """Source to level sees what the level lost."""
    both = shapes.scene(shapes.box(), shapes.sphere(16, 0.1))
    gone = shapes.scene(shapes.sphere(16, 0.1))
    assert measure_deviation(both, gone).max == pytest.approx(np.sqrt(0.75) - 0.1, rel=0.05)


def test_a_level_without_triangles_is_as_far_as_the_source_is_wide() -> None:
    """A number, never infinity: it goes into a manifest."""
    assert measure_deviation(shapes.scene(shapes.sphere(16)), Scene((), ())).max == pytest.approx(1, rel=0.2)


def test_chunks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources larger than memory allows are measured piece by piece."""

    def measured() -> Deviation:
        source, level = (shapes.scene(shapes.torus(segments), shapes.box()) for segments in (48, 12))
        return measure_deviation(source, level, samples=3000)

    whole = measured()
    monkeypatch.setattr(module, "CHUNK", 100)
    pieces = measured()
    assert pieces.max == pytest.approx(whole.max, rel=1e-3)
    assert pieces.rms == pytest.approx(whole.rms, rel=1e-3)
