"""Skins, animations and instances -> their JSON with accessors in place of indices into `scene.arrays`."""

from __future__ import annotations

from assetpipe.asset import Json, Scene
from assetpipe.container.layout import Layout
from assetpipe.container.plain import store_array

INSTANCING = "EXT_mesh_gpu_instancing"


class ArrayPlaces:
    """Turns the indices of `scene.arrays` in the document into those of accessors."""

    def __init__(self, scene: Scene, layout: Layout) -> None:
        self._scene = scene
        self._layout = layout
        self._places: dict[int, int] = {}
        # An animation's input needs min and max; an array that serves as one has them wherever it is used.
        self._inputs = {
            sampler["input"] for animation in scene.json.get("animations", ()) for sampler in animation["samplers"]
        }

    def skin(self, skin: Json) -> Json:
        return self._replace(skin, ("inverseBindMatrices",))

    def animation(self, animation: Json) -> Json:
        return {**animation, "samplers": [self._replace(own, ("input", "output")) for own in animation["samplers"]]}

    def node(self, node: Json) -> Json:
        instancing = node.get("extensions", {}).get(INSTANCING)
        if instancing is None:
            return node
        attributes = instancing.get("attributes", {})
        placed = {**instancing, "attributes": self._replace(attributes, tuple(attributes))}
        return {**node, "extensions": {**node["extensions"], INSTANCING: placed}}

    def _replace(self, json: Json, keys: tuple[str, ...]) -> Json:
        return {key: self._place(value) if key in keys else value for key, value in json.items()}

    def _place(self, index: int) -> int:
        """Equal arrays share their bytes, but each stays an accessor, as in the source."""
        if index not in self._places:
            stored = store_array(self._scene.arrays[index], with_bounds=index in self._inputs)
            self._places[index] = self._layout.add(stored)
        return self._places[index]
