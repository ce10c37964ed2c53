"""A build with a cache: the same bytes as without, and nothing computed that was computed before."""

from __future__ import annotations

from pathlib import Path

import pytest

from assetpipe import carve
from assetpipe.asset import Json
from assetpipe.sources import Source
from assetpipe.stages.prepared import Prepared
from tests.stages.places import ALL, Worked, asset, build, config, entries, shelf

UNBAKED: dict[str, Json] = {"textures": {"bake": "never"}}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asset(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def cold(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Without any cache."""
    return build(source, tmp_path_factory.mktemp("cold"), config()).files


@pytest.fixture(scope="module")
def filled(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Worked]:
    """A cache that has seen one build, and that build."""
    folder = tmp_path_factory.mktemp("filled")
    return folder / "cache", build(source, folder, config(), shelf(folder / "cache"))


def test_a_warm_build_computes_nothing_and_gives_the_same_bytes(
    source: Path, cold: dict[str, str], filled: tuple[Path, Worked], tmp_path: Path
) -> None:
    """Without a cache, with an empty one, with a full one: one bundle."""
    first, second = filled[1], build(source, tmp_path, config(), shelf(filled[0]))
    assert (first.calls, second.calls) == (ALL, {})
    assert first.files == second.files == cold
    assert (first.warnings, second.warnings) == ([], [])


@pytest.mark.parametrize(
    ("changed", "calls"),
    [
        pytest.param({"textures": {"colour_quality": 40}}, {"encode": 3, "poster": 1}, id="quality"),
        pytest.param({"textures": {"format": "png"}}, {"encode": 3, "poster": 1}, id="format"),
        pytest.param({"compression": {"uv_bits": 10}}, {"encode": 3}, id="compression"),
        pytest.param({"levels_preview": {"max_bytes": 50_000}}, {"encode": 1}, id="one level's bytes"),
        pytest.param({"levels_preview": {"texture_px": 8}}, {"read": 1, "rebake": 1, "encode": 1}, id="texture_px"),
        pytest.param({"textures": {"bake_degrees": 2.9}}, {"read": 1, "rebake": 1}, id="baking"),
        pytest.param({"textures": {"atlas_loss": 1.4}}, {"read": 1}, id="an atlas that comes out the same"),
        pytest.param({"limits": {"triangles": 9_999_999}}, {"read": 1}, id="limits"),
        pytest.param({"publish": {"region": "eu-west-1"}}, {}, id="publishing"),
    ],
)
def test_a_changed_setting_redoes_what_it_touches(
    source: Path, filled: tuple[Path, Worked], tmp_path: Path, changed: dict[str, Json], calls: dict[str, int]
) -> None:
    """No texture setting of these decimates again, and none gives other bytes than a build without a cache: what is
    computed is what changes."""
    worked = build(source, tmp_path, config(**changed), shelf(filled[0]))
    assert worked.calls == calls
    same = {name for name in worked.files if worked.files[name] == filled[1].files[name]}
    assert ("high.glb" in same) == (calls.get("encode", 0) < 3)
    assert ("poster.webp" in same) == ("poster" not in calls)


def test_occlusion_is_cast_once(source: Path, filled: tuple[Path, Worked], tmp_path: Path) -> None:
    """From what rebaking has left; again nothing is computed. A ball shades nothing of itself: its levels' notes say
    so, and so are written again. Turned off all is as it was."""
    on = config(textures={"bake_occlusion": True})
    first, again = (build(source, tmp_path / name, on, shelf(filled[0])) for name in ("first", "again"))
    assert (first.calls, again.calls) == ({"read": 1, "occlude": 1, "encode": 3}, {})
    assert first.files == again.files
    assert first.files["manifest.json"] != filled[1].files["manifest.json"]
    off = build(source, tmp_path / "off", config(), shelf(filled[0]))
    assert (off.calls, off.files) == ({}, filled[1].files)


def test_geometry_settings_decimate_again(source: Path, filled: tuple[Path, Worked], tmp_path: Path) -> None:
    """With the bytes of a build without a cache."""
    changed = config(levels_high={"max_triangles": 390})
    worked = build(source, tmp_path, changed, shelf(filled[0]))
    assert worked.calls["decimate"] == worked.calls["rebake"] == worked.calls["read"] == 1
    assert worked.files == build(source, tmp_path / "cold", changed).files != filled[1].files


def test_another_source_shares_nothing(filled: tuple[Path, Worked], tmp_path: Path) -> None:
    """One byte of one picture, and the same settings: all of it is made."""
    worked = build(asset(tmp_path, colour=91), tmp_path, config(), shelf(filled[0]))
    assert worked.calls == ALL


def test_force_takes_nothing_and_mends_what_is_there(source: Path, cold: dict[str, str], tmp_path: Path) -> None:
    """Whoever does not believe the cache gets a build without it, and a new entry in place of each."""
    build(source, tmp_path, config(), shelf(tmp_path / "cache"))
    poster = entries(tmp_path / "cache")["poster"]
    before = poster.stat().st_ino
    forced = build(source, tmp_path, config(), shelf(tmp_path / "cache"), force=True)
    assert (forced.calls, forced.files) == (ALL, cold)
    assert entries(tmp_path / "cache")["poster"] == poster
    assert poster.stat().st_ino != before


def test_other_code_is_another_result(
    source: Path, filled: tuple[Path, Worked], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a checkout the version stays while the code changes."""
    from assetpipe.stages import keys

    now = keys.computed_by()
    monkeypatch.setattr(keys, "computed_by", lambda: {**now, "code": "0" * 64})
    assert build(source, tmp_path, config(), shelf(filled[0])).calls == ALL


def test_files_beside_a_source_are_part_of_it(tmp_path: Path) -> None:
    """The glTF stays as it is and the picture that it names changes: nothing old is taken. Changed back, it is read and
    nothing more. A file's other spelling is told as in a build without a cache."""
    source, kept, settings = asset(tmp_path / "in", beside=True), shelf(tmp_path / "cache"), config(**UNBAKED)
    other = asset(tmp_path / "other", beside=True, colour=10).with_name("paint.png").read_bytes()
    picture = source.with_name("paint.png")
    first, before = build(source, tmp_path / "1", settings, kept), picture.read_bytes()
    assert build(source, tmp_path / "2", settings, kept).calls == {}

    picture.write_bytes(other)
    second = build(source, tmp_path / "3", settings, kept)
    assert second.calls == first.calls
    assert second.files == build(source, tmp_path / "4", settings).files != first.files

    picture.write_bytes(before)
    third = build(source, tmp_path / "5", settings, kept)
    assert (third.calls, third.files) == ({"read": 1}, first.files)

    picture.rename(picture.with_name("Paint.png"))
    assert build(source, tmp_path / "6", settings, kept).calls["read"] == 1
    assert "W_URI_CASE" in (tmp_path / "6" / "ball" / "manifest.json").read_text()


def test_a_missing_file_is_part_of_a_source(tmp_path: Path) -> None:
    """What was built without a picture is built again when the picture is there."""
    source, kept, settings = asset(tmp_path / "in", beside=True), shelf(tmp_path / "cache"), config(**UNBAKED)
    picture = source.with_name("paint.png")
    picture.rename(tmp_path / "away.png")
    bare = build(source, tmp_path / "1", settings, kept)
    assert build(source, tmp_path / "2", settings, kept).calls == {}
    (tmp_path / "away.png").rename(picture)
    whole = build(source, tmp_path / "3", settings, kept)
    assert whole.calls == bare.calls
    assert whole.files != bare.files


def test_a_renamed_source_is_read_again(source: Path, filled: tuple[Path, Worked], tmp_path: Path) -> None:
    """Its name is in the manifest; its shape is the same."""
    other = tmp_path / "kugel.glb"
    other.write_bytes(source.read_bytes())
    worked = build(other, tmp_path, config(), shelf(filled[0]))
    assert worked.calls == {"read": 1}
    assert '"uri": "kugel.glb"' in (tmp_path / "kugel" / "manifest.json").read_text()


def test_a_source_that_changes_while_it_is_built_mixes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first stage is known, a later one needs it again, and in between a file of its was replaced: what was known
    is forgotten, and the bundle is the one of the new file."""
    source, kept = asset(tmp_path / "in", beside=True), shelf(tmp_path / "cache")
    other = asset(tmp_path / "other", beside=True, colour=10).with_name("paint.png").read_bytes()
    build(source, tmp_path / "1", config(), kept)
    changed = config(textures={"bake_degrees": 2.9})
    look = carve._is_of

    def replaced(prepared: Prepared, opened: Source) -> bool:
        found = look(prepared, opened)
        source.with_name("paint.png").write_bytes(other)
        return found

    monkeypatch.setattr(carve, "_is_of", replaced)
    worked = build(source, tmp_path / "2", changed, kept)
    monkeypatch.undo()
    assert worked.calls["read"] == 2
    assert worked.files == build(source, tmp_path / "3", changed).files
    assert build(source, tmp_path / "4", changed, kept).calls == {}
