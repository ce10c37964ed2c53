import numpy as np
import pytest

from assetpipe.asset import Json
from assetpipe.errors import LimitExceeded
from assetpipe.quality import validator
from assetpipe.quality.false_alarms import KTX2_MAGIC
from assetpipe.quality.validator import validate_glb, validate_glbs
from tests.quality.files import document_of, edited, glb, model, picture
from tests.shapes import box, sphere

pytestmark = pytest.mark.node

TEXTURED: Json = {"materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]}
BASISU: Json = {
    **TEXTURED,
    "textures": [{"extensions": {"KHR_texture_basisu": {"source": 0}}}],
    "extensionsUsed": ["KHR_texture_basisu"],
    "extensionsRequired": ["KHR_texture_basisu"],
}


def test_a_sound_file_has_nothing_to_complain_of_and_its_counts_are_told() -> None:
    """The report of a valid file is empty, and counts what the file holds."""
    report = validate_glb(model(box(material=0), images=[picture(8, 8)], **TEXTURED), "box.glb")
    assert report.valid
    assert report.messages == ()
    assert report.info["totalTriangleCount"] == 12
    assert report.validator.startswith("2.0.0")


def test_a_fault_is_told_with_its_code_and_place() -> None:
    """An index beyond the vertices is an error at its accessor."""
    data = bytearray(model(box()))
    views = document_of(bytes(data))["bufferViews"]
    start = len(data) - sum(view["byteLength"] for view in views)
    data[start : start + 4] = (999).to_bytes(4, "little")
    report = validate_glb(bytes(data), "box.glb")
    assert not report.valid
    assert (report.errors, report.messages[0].code) == (1, "ACCESSOR_INDEX_OOB")
    assert report.messages[0].place.startswith("/meshes/0/primitives/0/indices")


@pytest.mark.parametrize("data", [b"", b"glTF", b"not a model at all", b"{}"])
def test_what_is_no_glb_is_invalid_and_not_a_crash(data: bytes) -> None:
    """Bytes of any kind get a verdict."""
    report = validate_glb(data, "junk")
    assert report.errors == 1
    assert report.messages[0].place.startswith("byte ")


def test_many_files_are_told_apart() -> None:
    """One process judges several files; each keeps its own report, in order."""
    good, bad = model(sphere(8)), model(box(material=7))
    reports = validate_glbs({"a.glb": good, "b.glb": bad, "c.glb": good})
    assert [(report.name, report.valid) for report in reports] == [("a.glb", True), ("b.glb", False), ("c.glb", True)]
    assert validate_glbs({}) == []


def test_errors_come_first_and_are_not_lost_behind_a_flood_of_remarks() -> None:
    """A file with more remarks than the validator may report is still refused for its last error."""
    crowd = [{"name": f"{i}"} for i in range(validator.MAX_ISSUES + 10)]  # one "unused" remark each
    data = edited(model(box()), cameras=[{"type": "perspective", "perspective": {"yfov": 1, "znear": 1}}] * len(crowd))
    assert validate_glb(data, "crowd").valid
    spoilt = validate_glb(edited(data, meshes=[{**document_of(data)["meshes"][0], "weights": []}]), "crowd")
    assert not spoilt.valid
    assert spoilt.messages[0].severity == "error"


def test_more_faults_than_can_be_told_are_no_pass() -> None:
    """A truncated report never counts as valid."""
    ball = sphere(96)
    sound, start = model(ball), ball.positions.tobytes()
    report = validate_glb(sound.replace(start, np.full_like(ball.positions, np.nan).tobytes()), "nan.glb")
    assert report.truncated
    assert not report.valid


def test_warnings_that_bury_the_rest_are_no_pass_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was cut off may hold an error, so the report says so as one."""
    monkeypatch.setattr(validator, "MAX_ISSUES", 1)
    images = [picture(8, 8)] * 2
    report = validate_glb(model(box(), images=images, mime="image/jpg", textures=[]), "i.glb")
    assert (report.truncated, report.valid) == (True, False)
    assert report.messages[0].code == "TOO_MANY_MESSAGES"


def test_a_hierarchy_that_overflows_the_validator_is_refused_by_name() -> None:
    """A crash of the validator is an error of the file, not of ours; the other files of a batch are still judged."""
    nodes = [{"children": [i + 1]} for i in range(100_000)]
    deep = glb({"asset": {"version": "2.0"}, "nodes": [*nodes, {}], "scenes": [{"nodes": [0]}]})
    with pytest.raises(LimitExceeded, match=r"^deep\.glb: Khronos' validator gave up"):
        validate_glbs({"box.glb": model(box()), "deep.glb": deep})


def test_ktx2_textures_raise_no_false_alarm() -> None:
    """What the validator does not know about KHR_texture_basisu is not held against a file that uses it rightly."""
    image = KTX2_MAGIC + bytes(100)
    assert validate_glb(model(box(material=0), images=[image], mime="image/ktx2", **BASISU), "k").messages == ()


@pytest.mark.parametrize(
    ("image", "mime", "extra", "code"),
    [
        (b"garbage" * 20, "image/ktx2", BASISU, "IMAGE_UNRECOGNIZED_FORMAT"),
        (KTX2_MAGIC + bytes(100), "image/ktx3", BASISU, "VALUE_NOT_IN_LIST"),
        (KTX2_MAGIC + bytes(100), "image/ktx2", TEXTURED, "VALUE_NOT_IN_LIST"),
        (picture(8, 8), "image/png", {**TEXTURED, "extensionsUsed": ["ACME_shine"]}, "UNSUPPORTED_EXTENSION"),
    ],
)
def test_only_the_false_alarm_itself_is_silenced(image: bytes, mime: str, extra: Json, code: str) -> None:
    """A similar message about something else stays."""
    report = validate_glb(model(box(material=0), images=[image], mime=mime, **extra), "k")
    assert code in [message.code for message in report.messages]


def test_a_draco_view_is_not_called_unused_but_the_validators_blindness_stays_visible() -> None:
    """The validator does not look inside Draco, and the report goes on saying so."""
    textured = model(box(material=0), images=[picture(8, 8)], **TEXTURED)
    plain = document_of(textured)
    primitive = plain["meshes"][0]["primitives"][0]
    primitive["extensions"] = {"KHR_draco_mesh_compression": {"bufferView": 0, "attributes": {"POSITION": 0}}}
    for accessor in plain["accessors"]:
        del accessor["bufferView"]
    compressed, image = ({**plain["bufferViews"][i]} for i in (0, -1))
    del compressed["target"]
    plain["bufferViews"] = [compressed, image]
    plain["images"][0]["bufferView"] = 1
    plain["extensionsUsed"] = plain["extensionsRequired"] = ["KHR_draco_mesh_compression"]
    report = validate_glb(edited(textured, **plain), "d")
    assert [message.code for message in report.messages] == ["UNSUPPORTED_EXTENSION"]
