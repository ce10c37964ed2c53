"""A level under its `max_bytes`: the best rung that fits, found without trying them all."""

from __future__ import annotations

from dataclasses import replace

import pytest

import assetpipe.fit
from assetpipe.asset import Lod, Node, Scene
from assetpipe.config import Config, Level, load_config
from assetpipe.errors import LimitExceeded
from assetpipe.fit import fit
from assetpipe.textures import TextureCache, encode_textures, estimate_textures, ladder
from tests.shapes import box, scene
from tests.textures.pictures import bumps, cloth, material, png

CONFIG = load_config()


def crate(side: int) -> Scene:
    """A box in cloth, with a normal map."""
    images = (png(cloth(side)), png(bumps(side)))
    look = material(baseColor=0, normal=1)
    textures = [{"source": 0}, {"source": 1}]
    return scene(box(material=0), materials=(look,), images=images, textures=textures)


def level(max_bytes: int, px: int = 4096) -> Level:
    return Level(screen_px=1024, max_triangles=100, texture_px=px, max_bytes=max_bytes)


def sizes(crate: Scene, config: Config, px: int) -> list[int]:
    """What the images take on every rung, encoded in full."""
    cache = TextureCache()
    rungs = (target for target, _ in ladder(config.textures, px, screen_px=px))
    return [sum(len(image.data) for image in encode_textures(crate, target, cache).images) for target in rungs]


@pytest.mark.parametrize("share", [1.1, 0.8, 0.5, 0.2, 0.0])
def test_the_first_rung_that_fits_is_taken(share: float) -> None:
    """Not a rung lower than need be, and none at all when everything fits."""
    model = crate(256)
    every = sizes(model, CONFIG, 256)
    bare = len(fit(Lod("x", model), level(10**9, 256), CONFIG, TextureCache()).data) - every[0]
    most = bare + max(int(every[0] * share) + 200, every[-1])
    made = fit(Lod("x", model), level(most, 256), CONFIG, TextureCache())
    expected = next(at for at, size in enumerate(every) if bare + size <= most)
    assert len(made.data) <= most
    assert sum(len(image.data) for image in made.lod.scene.images) == every[expected]
    assert bool(made.notes) == (expected > 0)
    assert all("to stay under" in note for note in made.notes)


def test_large_maps_are_encoded_in_full_only_near_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Estimates stand in for the other rungs, and lead within one rung of the best."""
    model, tried = crate(2048), []

    def encode(*arguments: object) -> Scene:
        tried.append(arguments[1])
        return encode_textures(*arguments)  # type: ignore[arg-type]

    every = sizes(model, CONFIG, 2048)
    monkeypatch.setattr(assetpipe.fit, "encode_textures", encode)
    most = every[3] + 4000
    made = fit(Lod("x", model), level(most), CONFIG, TextureCache())
    chosen = every.index(sum(len(image.data) for image in made.lod.scene.images))
    assert len(made.data) <= most
    assert chosen in (3, 4)
    assert len(tried) <= 4


def test_an_estimate_is_near_the_truth() -> None:
    """Within a third, for a sixteenth of the pixels."""
    model, cache = crate(2048), TextureCache()
    target = next(iter(ladder(CONFIG.textures, 2048, screen_px=2160)))[0]
    truth = sum(len(image.data) for image in encode_textures(model, target, cache).images)
    assert estimate_textures(model, target, cache) == pytest.approx(truth, rel=0.34)


def test_what_cannot_fit_says_what_it_would_take() -> None:
    """The smallest that is possible, and how much of it is geometry."""
    with pytest.raises(
        LimitExceeded, match=r"x: [\d,]+ bytes even with the smallest textures, max_bytes is 300"
    ) as caught:
        fit(Lod("x", crate(64)), level(300), CONFIG, TextureCache())
    assert "[levels.x] max_triangles" in caught.value.hint


def test_where_nodes_take_the_room_fewer_triangles_are_not_the_cure() -> None:
    """4,000 screws, a matrix each."""
    model = crate(64)
    matrix = [0.123456789012345] * 12 + [0.0, 0.0, 0.0, 1.0]
    crowd = replace(model, nodes=(*model.nodes, *[Node({"mesh": 0, "matrix": matrix})] * 4_000))
    with pytest.raises(LimitExceeded) as caught:
        fit(Lod("x", crowd), level(100_000), CONFIG, TextureCache())
    assert "4,001 nodes take" in caught.value.hint
    assert "max_triangles" not in caught.value.hint
