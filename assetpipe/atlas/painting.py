"""Atlas -> the pictures of its sheets: each patch's texels from each member's own maps, the cells about them filled."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array, Scene
from assetpipe.atlas.canvas import Canvas, Piece, keeper
from assetpipe.atlas.codes import encoded, encoded_normals, flat_codes, meanings, tables
from assetpipe.atlas.flat import applied, determinant, inverse, product
from assetpipe.atlas.kernels.cover import own_texels
from assetpipe.atlas.kernels.dilate import dilate
from assetpipe.atlas.kernels.resample import Seen, Way, resample
from assetpipe.atlas.looks import Atlas, Look
from assetpipe.atlas.lookups import MIRROR, REPEAT, Doubles, Lookup, Pictures
from assetpipe.atlas.paints import Ink
from assetpipe.atlas.worth import halvings, own_lookups
from assetpipe.lossless import to_8_bits
from assetpipe.slots import Sheet

STRIP = 1 << 20
"""Texels worked on at a time, per thread: 40 MB of float32, with what goes along."""
ON_LATTICE = 1e-6


def paint_sheet(scene: Scene, atlas: Atlas, picture: tuple[Look, Sheet], pictures: Pictures) -> Array:
    """(h, w, 3 or 4) uint8"""
    look, sheet = picture
    canvas = _canvas(atlas, look, sheet)
    pieces = list(_pieces(canvas, look))
    for piece in pieces:
        _lay_flat(piece)
    for image in sorted({lookup.image for paint in look.paints.members for lookup in own_lookups(paint, sheet)}):
        pixels = to_8_bits(pictures.decode(scene.images[image]))
        _paint_image(pieces, image, pixels)
    dilate(canvas.texels, canvas.filled, keeper(canvas))
    return canvas.texels


def _canvas(atlas: Atlas, look: Look, sheet: Sheet) -> Canvas:
    components, half = look.components(sheet), halvings(atlas, look, sheet)
    width, height = (side >> half for side in atlas.layout.size)
    texels = np.zeros((height, width, len(components)), np.uint8)
    return Canvas(atlas, sheet, components, half, texels, np.zeros((height, width), np.uint8))


def _pieces(canvas: Canvas, look: Look) -> Iterator[Piece]:
    first = canvas.atlas.layout.first
    for at, (each, paint) in enumerate(zip(canvas.atlas.outlines, look.paints.members, strict=True)):
        for number in range(first[at], first[at + 1]):
            yield Piece(each, paint, number, canvas)


def _lay_flat(piece: Piece) -> None:
    """What has no map, all over the cells; with no map at all, that is all there is to do."""
    canvas = piece.canvas
    inks = piece.paint.inks[canvas.sheet.name]
    if all(part in inks and inks[part].lookup for part in canvas.components):
        return
    values = [inks[part].flat if part in inks else 1.0 for part in canvas.components]
    left, top, width, height = piece.box
    window = canvas.texels[top : top + height, left : left + width]
    window[piece.mask] = flat_codes(values, canvas.sheet.role, canvas.components)
    if not any(ink.lookup for ink in inks.values()):
        canvas.filled[top : top + height, left : left + width][piece.mask] = 1


def _paint_image(pieces: list[Piece], image: int, pixels: Array) -> None:
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        tasks = [
            pool.submit(task)
            for piece in pieces
            for lookup, inks in _by_lookup(piece, image).items()
            for task in _tasks(piece, lookup, inks, pixels)
        ]
        for task in tasks:
            task.result()


def _by_lookup(piece: Piece, image: int) -> Mapping[Lookup, Mapping[str, Ink]]:
    found: dict[Lookup, dict[str, Ink]] = {}
    for part, ink in piece.paint.inks[piece.canvas.sheet.name].items():
        if ink.lookup and ink.lookup.image == image and part in piece.canvas.components:
            found.setdefault(ink.lookup, {})[part] = ink
    return found


def _tasks(piece: Piece, lookup: Lookup, inks: Mapping[str, Ink], pixels: Array) -> Iterator[Callable[[], None]]:
    """One for each strip of the patch."""
    _, _, width, height = piece.box
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        yield partial(_paint_strip, piece, lookup, inks, pixels, (top, min(top + rows, height)))


def _paint_strip(piece: Piece, lookup: Lookup, inks: Mapping[str, Ink], pixels: Array, rows: tuple[int, int]) -> None:
    canvas = piece.canvas
    left, top, width, _ = piece.box
    window = (left, top + rows[0], width, rows[1] - rows[0])
    points = piece.plane * piece.scale + piece.shift
    if piece.outline.is_tile:
        owner = piece.mask[rows[0] : rows[1]].astype(np.int32) - 1
    else:
        owner = own_texels(points, np.arange(len(points)).reshape(-1, 3), window)
    owned = owner >= 0
    area = np.s_[window[1] : window[1] + window[3], left : left + width]
    way = _way(piece, lookup, points)
    if len(way.turns) == 1:
        owner = np.where(owned, 0, -1).astype(np.int32)
    colours = _copied(piece, inks, pixels, way, window)
    if colours is None:
        colours = _averaged(piece, inks, pixels, way, (owner, window))
    for part, values in colours.items():
        np.copyto(canvas.texels[area][..., canvas.components.index(part)], values, where=owned)
    np.copyto(canvas.filled[area], 1, where=owned)


def _way(piece: Piece, lookup: Lookup, points: Doubles) -> Way:
    outline = piece.outline
    if lookup.uv_set == outline.frame.uv_set:
        plane = outline.frame.map
        turn = product(lookup.matrix[:, :2], inverse(plane[:, :2]))
        move = lookup.matrix[:, 2] - applied(turn, plane[:, 2])
        if np.allclose(turn, np.eye(2), rtol=0, atol=1e-12):
            turn, move = np.eye(2), np.where(np.abs(move) < ON_LATTICE, 0.0, move)
        turn = turn / piece.scale
        return Way(turn.reshape(1, 4), (move - applied(turn, piece.shift))[None], lookup.wrap)
    uvs = outline.uvs[lookup.uv_set][outline.corners[piece.faces].reshape(-1)].astype(np.float64)
    texels = applied(lookup.matrix, uvs)
    return Way(*_affine(points.reshape(-1, 3, 2), texels.reshape(-1, 3, 2)), lookup.wrap)


def _affine(source: Doubles, target: Doubles) -> tuple[Doubles, Doubles]:
    """(t, 3, 2) triangles and where they are to lie -> (t, 4) turns, (t, 2) moves; without area: the first corner."""
    edges = np.stack([source[:, 1] - source[:, 0], source[:, 2] - source[:, 0]], axis=-1)
    wanted = np.stack([target[:, 1] - target[:, 0], target[:, 2] - target[:, 0]], axis=-1)
    flat = np.abs(determinant(edges)) < 1e-12
    turns = product(wanted, inverse(np.where(flat[:, None, None], np.eye(2), edges)))
    turns[flat] = 0.0
    moves = target[:, 0] - applied(turns, source[:, 0])
    return turns.reshape(-1, 4), moves


def _copied(
    piece: Piece, inks: Mapping[str, Ink], pixels: Array, way: Way, window: tuple[int, int, int, int]
) -> dict[str, Array] | None:
    """Texel for texel, where the two lattices are one; None where they are not."""
    role = piece.canvas.sheet.role
    move = way.moves[0]
    plain = len(way.turns) == 1 and np.abs(way.turns[0] - [1, 0, 0, 1]).max() < 1e-9
    bent = role == "normal" and piece.paint.bends[piece.canvas.sheet.name] != 1.0
    if not plain or bent or np.abs(move - np.rint(move)).max() > ON_LATTICE:
        return None
    left, top, width, height = window
    columns = _wrapped(np.arange(left, left + width) + round(move[0]), pixels.shape[1], way.wrap[0])
    rows = _wrapped(np.arange(top, top + height) + round(move[1]), pixels.shape[0], way.wrap[1])
    found = {}
    for part, ink in inks.items():
        band = "rgba".index(part)
        if band >= pixels.shape[2]:
            codes = np.full((height, width), 255, np.uint8)
        else:
            codes = pixels[..., band][np.ix_(rows, columns)]
        found[part] = codes if (ink.start, ink.gain) == (0.0, 1.0) else _inked(role, part, ink)[codes]
    return found


def _inked(role: str, part: str, ink: Ink) -> Array:
    """(256,) the code that each code becomes"""
    return encoded(ink.start + ink.gain * meanings(role, part), role, part)


def _wrapped(at: NDArray[np.int64], size: int, mode: int) -> NDArray[np.int64]:
    if mode == REPEAT:
        return at % size
    if mode == MIRROR:
        folded = at % (2 * size)
        return np.minimum(folded, 2 * size - 1 - folded)
    return np.clip(at, 0, size - 1)


def _averaged(
    piece: Piece,
    inks: Mapping[str, Ink],
    pixels: Array,
    way: Way,
    where: tuple[Array, tuple[int, int, int, int]],
) -> dict[str, Array]:
    canvas = piece.canvas
    role = canvas.sheet.role
    owner, window = where
    weighted = canvas.sheet.name == "baseColor" and "a" in canvas.components
    values = resample(
        pixels, tables(role, pixels.shape[2]), owner, window[:2], way, _seen(piece, way), weighted=weighted
    )
    if role == "normal":
        codes = encoded_normals(values[..., :3], piece.paint.bends[canvas.sheet.name])
        return {part: codes[..., "rgb".index(part)] for part in inks}
    found = {}
    for part, ink in inks.items():
        band = "rgba".index(part)
        texel = values[..., band] if band < pixels.shape[2] else np.ones(owner.shape, np.float32)
        found[part] = encoded(ink.start + ink.gain * texel, role, part)
    return found


def _seen(piece: Piece, way: Way) -> Seen | None:
    """Where a texel covers several of the source, those of neighbours in the source stay out of it."""
    turn = way.turns[0].reshape(2, 2)
    if len(way.turns) > 1 or abs(determinant(turn)) < 1e-12 or np.abs(turn).sum(axis=0).max() < 1.0 + 1e-6:
        return None
    if piece.shown is None or piece.outline.is_tile:
        return None
    low, mask = piece.shown
    (a, b), (c, d) = back = inverse(turn) / piece.scale
    move = -applied(back, way.moves[0]) - piece.shift / piece.scale - low
    return Seen(mask, (float(a), float(b), float(c), float(d)), (float(move[0]), float(move[1])))
