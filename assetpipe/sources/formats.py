"""The first bytes of a file -> the format they are in. The name is only a second opinion."""

from __future__ import annotations

from pathlib import PurePath

from assetpipe.errors import SourceError

FORMATS = ("glb", "gltf", "obj", "stl", "ply")
# What people send under a wrong name, by the bytes it starts with.
FOREIGN = (
    (b"PK\x03\x04", "ZIP"),
    (b"PK\x05\x06", "an empty ZIP"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!", "RAR"),
    (b"Kaydara FBX Binary", "FBX"),
    (b"; FBX", "FBX"),
    (b"PXR-USDC", "USD"),
    (b"#usda", "USD"),
    (b"ISO-10303-21", "STEP"),
    (b"BLENDER", "a Blender file"),
    (b"3D Geometry File Format", "Rhino 3DM"),
    (b"DRACO", "bare Draco"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"RIFF", "RIFF (WebP?)"),
    (b"\xabKTX 20", "KTX2"),
    (b"%PDF", "PDF"),
    (b"<!DOCTYPE html", "a web page"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<", "XML"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
)
UNPACK = "unpack it, and name the model that is in it"
CURES = {
    **dict.fromkeys(("ZIP", "gzip", "bzip2", "7-Zip", "RAR"), UNPACK),
    "a web page": "download it again: this is what the server said instead",
    "a Git LFS pointer, not the file itself": "`git lfs pull` fetches it",
}
"""For whoever has the right file and needs no other export."""
HEAD = 4096


def sniff_format(data: memoryview, name: str) -> str:
    """The format of `data`, or an error that says what it is instead."""
    suffix = PurePath(name).suffix.lower().removeprefix(".")
    found = _by_content(bytes(data[:HEAD]), len(data), suffix)
    if found in FORMATS and (found == suffix or suffix not in FORMATS):
        return found
    if (suffix, found) == ("usdz", "ZIP"):
        found = "USDZ"
    called = f"named .{suffix}, content is" if suffix in FORMATS else "content is"
    raise SourceError("E_FORMAT", f"{name}: {called} {_describe(found)}", hint=_cure(found))


def _cure(found: str) -> str:
    readable = ", ".join("." + known for known in FORMATS)
    if found in FORMATS:
        return f"rename it to .{found} if that is what it is"
    return CURES.get(found, f"export it as one of {readable}")


def _by_content(head: bytes, size: int, suffix: str) -> str:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"glTF"):
        return "glb"
    if head.startswith((b"ply\n", b"ply\r", b"ply ")):
        return "ply"
    if text.startswith(b"{"):
        return "gltf"
    if _is_stl(head, size, suffix):
        return "stl"
    for magic, word in FOREIGN:
        if text.startswith(magic):
            return word
    if _is_obj(text, suffix):
        return "obj"
    if suffix == "gltf" and _is_text(head):
        return "gltf"  # broken JSON: the parser says where
    return "text" if _is_text(head) else "unknown"


def _is_stl(head: bytes, size: int, suffix: str) -> bool:
    """Binary by its size (many start with "solid" too), ASCII by its words."""
    if size >= 84 and size == 84 + 50 * int.from_bytes(head[80:84], "little"):
        return suffix == "stl" or not _is_text(head)
    if head.lstrip()[:5].lower() == b"solid" and _is_text(head):
        return suffix == "stl" or b"facet" in head.lower()
    return suffix == "stl" and size >= 84 and not _is_text(head) and not any(head.startswith(m) for m, _ in FOREIGN)


def _is_obj(text: bytes, suffix: str) -> bool:
    if not _is_text(text):
        return False
    starts = {line.split(b" ", 1)[0] for line in text.replace(b"\t", b" ").splitlines() if line.strip()}
    return suffix == "obj" or (
        b"v" in starts and starts <= {b"v", b"vn", b"vt", b"f", b"o", b"g", b"s", b"#", b"mtllib", b"usemtl"}
    )


def _is_text(head: bytes) -> bool:
    return b"\0" not in head


def _describe(found: str) -> str:
    return {
        "glb": "binary glTF",
        "gltf": "glTF JSON",
        "obj": "Wavefront OBJ",
        "stl": "STL",
        "ply": "PLY",
        "text": "text of no format that is known here",
        "unknown": "of no format that is known here",
    }.get(found, found)
