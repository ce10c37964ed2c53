"""Keys: every setting that a stage reads is in its key."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import pytest

from assetpipe import carve, config, pipeline, poster
from assetpipe.asset import Json
from assetpipe.carve import Job
from assetpipe.config import Config, Settings
from assetpipe.sources import open_source
from assetpipe.stages.keys import canonical, computed_by, stage_key
from tests.stages.places import asset, build, shelf
from tests.stages.places import config as small

Read = tuple[str, str]
"""Table and key."""
MAKING = ("levels", "geometry", "textures", "compression", "limits")
"""Tables that a bundle depends on; `category` does too, and only stands in the manifest."""
STAGES = {
    "prepare": (carve, "_prepared"),
    "decimate": (carve, "decimate"),
    "rebake": (carve, "rebake"),
    "occlude": (carve, "occlude"),
    "encode": (pipeline, "fit"),
    "poster": (pipeline, "make_poster"),
}
WAYS: tuple[dict[str, Json], ...] = (
    {},
    {"textures": {"atlas": "always", "bake": "always", "format": "jpeg"}, "geometry": {"hidden": "remove"}},
    {
        "textures": {"atlas": "never", "bake": "never", "bake_occlusion": True},
        "levels_high": {"max_bytes": 20_000},
        "compression": {"geometry": "none"},
        "geometry": {"weld_m": 0.001},
    },
)
"""Through which a build goes differently."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asset(tmp_path_factory.mktemp("source"))


def fields() -> Iterator[Read]:
    """All leaves of what a bundle is made by."""
    for table in MAKING:
        if table == "levels":
            yield from ((f"levels_{name}", key) for name in small().levels for key in config.Level.model_fields)
        else:
            yield from ((table, key) for key in type(getattr(small(), table)).model_fields)


def with_other(settings: Config, table: str, key: str) -> Config:
    """The same but for one key, which has another value that is allowed."""
    name, _, level = table.partition("_")
    old = getattr(settings.levels[level] if level else getattr(settings, name), key)
    for new in _others(settings, name, key, old):
        if new != old and (made := _with(settings, (name, level), key, new)):
            return made
    raise AssertionError(f"no other value for {table}.{key}")


def _others(settings: Config, name: str, key: str, old: Any) -> list[Any]:
    if isinstance(old, bool):
        return [not old]
    model = config.Level if name == "levels" else type(getattr(settings, name))
    choices = list(get_args(model.model_fields[key].annotation))
    numbers = [old - 1, old + 1, old * 2, old // 2] if isinstance(old, int) else []
    return [*choices, *numbers, *([old + 0.25] if isinstance(old, float) else [])]


def _with(settings: Config, at: tuple[str, str], key: str, value: Any) -> Config | None:
    dumped, (name, level) = settings.model_dump(), at
    (dumped[name][level] if level else dumped[name])[key] = value
    try:
        return Config.model_validate(dumped)
    except ValueError:
        return None


@contextmanager
def recorded(found: dict[str, set[Read]]) -> Iterator[None]:
    """Which settings are read while a stage works."""
    at: list[str] = []
    tables = {each.__name__: each.__name__.lower() for each in Settings.__subclasses__()} | {"Level": "levels"}
    real = Settings.__getattribute__

    def look(self: Settings, name: str) -> Any:
        if at and name in type(self).model_fields and tables[type(self).__name__] in MAKING:
            found[at[-1]].add((tables[type(self).__name__], name))
        return real(self, name)

    def within(stage: str, do: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            at.append(stage)
            try:
                return do(*arguments, **named)
            finally:
                at.pop()

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Settings, "__getattribute__", look, raising=False)
        patch.setattr(poster, "POSTER_PX", 64)
        for stage, (module, name) in STAGES.items():
            patch.setattr(module, name, within(stage, getattr(module, name)))
        yield


def keys(settings: Config, source: Path, folder: Path, levels: Any) -> dict[str, Any]:
    """Of the stages that read settings; those of the others follow from what they are given."""
    job = Job(source, folder / "ball", settings)
    with open_source(source, settings.limits) as opened:
        prepare = carve._prepare_key(job, opened)
    return {"prepare": prepare, "encode": [pipeline._encode_key(settings, lod, carve.NOTHING_KEPT) for lod in levels]}


def test_a_stage_reads_nothing_that_its_key_does_not_know(source: Path, tmp_path: Path) -> None:
    """Recorded in real builds, whichever way they go: for each setting that is read while a stage works, another value
    of it is another key. The stages between read none: all that they need is handed to them."""
    for number, way in enumerate(WAYS):
        found: dict[str, set[Read]] = defaultdict(set)
        settings = small(**way)
        with recorded(found):
            build(source, tmp_path / str(number), settings)
        assert {stage for stage, read in found.items() if read} == {"prepare", "encode"}
        with open_source(source, settings.limits) as opened:
            lods = carve.carve(Job(source, tmp_path / "ball", settings), opened, pipeline.TextureCache()).lods
        before = keys(settings, source, tmp_path, lods)
        for stage, read in found.items():
            for table, key in sorted(read):
                other = [keys(each, source, tmp_path, lods)[stage] for each in _each(settings, stage, table, key)]
                assert before[stage] not in other, (stage, table, key)


def _each(settings: Config, stage: str, table: str, key: str) -> list[Config]:
    """Of a level's key, that of each level; an atlas asks for the largest and the smallest picture only."""
    if table != "levels":
        return [with_other(settings, table, key)]
    names = ("high", "preview") if (stage, key) == ("prepare", "texture_px") else tuple(settings.levels)
    return [with_other(settings, f"levels_{name}", key) for name in names]


FEW = [
    ("geometry", "weld_m"),
    ("levels_standard", "texture_px"),
    ("compression", "position_bits"),
]


@pytest.mark.parametrize(("table", "key"), list(fields()) if os.environ.get("ASSETPIPE_LONG") else FEW)
def test_a_changed_setting_gives_the_bytes_of_a_build_without_a_cache(
    source: Path, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, table: str, key: str
) -> None:
    """Whatever is taken from a cache that other settings have filled."""
    cache = tmp_path_factory.getbasetemp() / "one cache of all changes"
    if not cache.exists():
        build(source, tmp_path / "first", small(), shelf(cache))
    changed = with_other(small(), table, key)
    assert build(source, tmp_path / "warm", changed, shelf(cache)).files == build(source, tmp_path, changed).files


def test_a_key_is_made_of_values_not_of_their_order() -> None:
    """The same dictionary however it was put together; a number is not its text, a list not its parts."""
    assert stage_key("a", of={"x": 1, "y": [1, 2]}) == stage_key("a", of={"y": [1, 2], "x": 1})
    parts: list[object] = [1, "1", [1], ["1"], {"1": 1}, 1.5, True, None, ["1", "2"], ["1,2"]]
    assert len({stage_key("a", of=part) for part in parts} | {stage_key("b", of=1)}) == len(parts) + 1
    assert canonical({"é": 0.1}) == b'{"\\u00e9":0.1}'


def test_who_computes_is_named(tmp_path: Path) -> None:
    """Every library whose bytes reach a result, with its version; code in files that a build comes by."""
    made_by = computed_by()
    assert all(made_by["libraries"].values()), made_by
    package = tmp_path / "package"
    (package / "geometry").mkdir(parents=True)
    (package / "commands").mkdir()
    (package / "geometry" / "a.py").write_text("x = 1")
    (package / "commands" / "b.py").write_text("x = 1")
    from assetpipe.stages.keys import _code

    before = _code(package)
    (package / "commands" / "b.py").write_text("x = 2")
    assert _code(package) == before
    (package / "geometry" / "a.py").write_text("x = 2")
    assert _code(package) != before
