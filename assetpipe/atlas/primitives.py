"""Primitives of one material -> one primitive, where their attributes agree or can be made to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from assetpipe.asset import Array, Primitive

WHITE = "COLOR_0"


def merge_primitives(primitives: Sequence[Primitive], among: set[int]) -> list[Primitive]:
    """Those whose material is `among`; each takes the place of the first that went into it."""
    groups: dict[str, list[int]] = {}
    for at, each in enumerate(primitives):
        own = each.material in among
        groups.setdefault(likeness(each) if own else str(at), []).append(at)
    return [concatenate([primitives[at] for at in group]) for group in groups.values()]


def likeness(primitive: Primitive) -> str:
    """What must agree. Colours that are missing are white."""
    names = sorted(name for name in primitive.attributes if name != WHITE)
    shapes = [(name, primitive.attributes[name].shape[1], primitive.attributes[name].dtype.str) for name in names]
    targets = [sorted(target) for target in primitive.targets]
    return json.dumps([primitive.mode, shapes, targets, primitive.json], sort_keys=True)


def concatenate(primitives: Sequence[Primitive]) -> Primitive:
    if len(primitives) == 1:
        return primitives[0]
    primitives = [_coloured(each, _colours(primitives)) for each in primitives]
    starts = np.concatenate([[0], np.cumsum([len(each.positions) for each in primitives])])
    indices = [each.indices + np.uint32(start) for each, start in zip(primitives, starts, strict=False)]
    return replace(
        primitives[0],
        indices=np.concatenate(indices).astype(np.uint32),
        attributes=_joined([each.attributes for each in primitives]),
        targets=tuple(_joined(same) for same in zip(*(each.targets for each in primitives), strict=True)),
    )


def _joined(arrays: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    return {name: np.concatenate([each[name] for each in arrays]) for name in arrays[0]}


def _colours(primitives: Sequence[Primitive]) -> int:
    """Components, 0: nobody has any."""
    return max((each.attributes[WHITE].shape[1] for each in primitives if WHITE in each.attributes), default=0)


def _coloured(primitive: Primitive, components: int) -> Primitive:
    if not components:
        return primitive
    own = primitive.attributes.get(WHITE, np.ones((len(primitive.positions), 0), np.float32))
    white = np.ones((len(own), components - own.shape[1]), np.float32)
    return replace(primitive, attributes={**primitive.attributes, WHITE: np.concatenate([own, white], axis=1)})
