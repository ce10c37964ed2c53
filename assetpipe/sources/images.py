"""Document -> its pictures: for each texture the one image to use, checked by its headers, bytes kept as they are.

A texture whose picture is missing or broken is lost: materials keep their factors, and a repair says so. What points
out of the source's folder, or is over a limit, is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from assetpipe.asset import Image, Json
from assetpipe.errors import MissingFile
from assetpipe.sources.buffers import Buffers
from assetpipe.sources.document import Document
from assetpipe.sources.ktx2 import decode_ktx2
from assetpipe.sources.pixels import KTX2, PNG, BrokenPictureError, check_whole, foreign_picture, read_header

# In order of preference; a plain `source` beside them is the fallback for readers that know none.
PREFERRED = ("EXT_texture_webp", "EXT_texture_avif", "KHR_texture_basisu")


@dataclass(frozen=True)
class Pictures:
    images: tuple[Image, ...]
    textures: tuple[Json, ...]
    """As in glTF, `source` always there and pointing into `images`."""
    places: Mapping[int, int]
    """Index of a texture in the source -> its index in `textures`."""

    lost: frozenset[int]
    """Textures of the source that have no picture any more."""


def read_pictures(document: Document, buffers: Buffers) -> Pictures:
    reader = _Reader(document, buffers, {})
    chosen = [reader.choose(texture, f"/textures/{i}") for i, texture in enumerate(document.items("textures"))]
    used = sorted({image for image in chosen if image is not None})
    _check_total(document, reader, used)
    kept = [number for number, image in enumerate(chosen) if image is not None]
    lost = frozenset(range(len(chosen))) - frozenset(kept)
    textures = [
        _plain(document.items("textures")[i], used.index(image)) for i, image in enumerate(chosen) if image is not None
    ]
    images = tuple(found.image for number in used if (found := reader.read[number]) is not None)
    return Pictures(images, tuple(textures), {old: new for new, old in enumerate(kept)}, lost)


def _plain(texture: Json, source: int) -> Json:
    """Without the extensions that named a picture."""
    extensions = {k: v for k, v in texture.get("extensions", {}).items() if k not in (*PREFERRED, "MSFT_texture_dds")}
    rest = {key: value for key, value in texture.items() if key != "extensions"}
    return {**rest, "source": source, **({"extensions": extensions} if extensions else {})}


def _check_total(document: Document, reader: _Reader, used: list[int]) -> None:
    total = sum(found.pixels for number in used if (found := reader.read[number]) is not None)
    limit = document.limits.total_image_pixels
    if total > limit:
        raise document.exceeds(
            "E_LIMIT_PIXELS", f"{total:,} pixels in all images, limit {limit:,}", "total_image_pixels"
        )


@dataclass(frozen=True)
class _Picture:
    image: Image
    pixels: int


@dataclass(frozen=True)
class _Reader:
    document: Document
    buffers: Buffers
    read: dict[int, _Picture | None]

    def choose(self, texture: Json, place: str) -> int | None:
        """The image of a texture: the best format of those offered that can be read."""
        offered = [*_offered(texture)]
        for source in offered:
            if source not in self.read:
                self.read[source] = self._picture(source, f"/images/{source}")
            if self.read[source] is not None:
                return source
        if "MSFT_texture_dds" in texture.get("extensions", {}) and not offered:
            fault = "only a DDS image, which browsers do not show"
            raise self.document.refuse("E_IMAGE_FORMAT", place, fault, "export its textures as PNG, JPEG or WebP")
        self.document.notes.repair(
            "W_MISSING_TEXTURE", f"{place} has no usable image: materials keep their factors only"
        )
        return None

    def _picture(self, number: int, place: str) -> _Picture | None:
        entry, document = self.document.items("images")[number], self.document
        try:
            data = self._bytes(entry, place)
            self._refuse_foreign(data, place)
            header = read_header(data)
            self._check_pixels(header.pixels, f"{header.width} x {header.height}", place)
            check_whole(data, header)
            if header.mime == KTX2:
                decoded = decode_ktx2(data, document.source.name, place)
                return _Picture(self._image(entry, decoded, PNG), header.pixels)
        except (MissingFile, BrokenPictureError) as error:
            fault = str(error) if isinstance(error, BrokenPictureError) else "names a file that does not exist"
            name = f" ({entry['uri']})" if "uri" in entry and not entry["uri"].startswith("data:") else ""
            document.notes.repair("W_MISSING_TEXTURE", f"{place}{name} {fault}")
            return None
        if entry.get("mimeType", header.mime) != header.mime:
            document.notes.repair("W_MIME", f"{place} is {header.mime}, not {entry['mimeType']}")
        return _Picture(self._image(entry, data, header.mime), header.pixels)

    def _bytes(self, entry: Json, place: str) -> memoryview:
        if "bufferView" in entry:
            return self.buffers.view(entry["bufferView"]).data
        if "uri" not in entry:
            raise BrokenPictureError("has neither uri nor bufferView")
        return self.document.source.resolve(entry["uri"], place)

    def _image(self, entry: Json, data: bytes | memoryview, mime: str) -> Image:
        uri = entry.get("uri", "")
        json = {key: value for key, value in entry.items() if key not in ("uri", "bufferView", "mimeType")}
        return Image(data, mime, json, "" if uri[:5].lower() == "data:" else uri)

    def _refuse_foreign(self, data: memoryview, place: str) -> None:
        foreign = foreign_picture(data)
        if foreign:
            hint = "convert it to PNG, JPEG or WebP"
            raise self.document.refuse("E_IMAGE_FORMAT", place, f"is {foreign}, which glTF does not know", hint)

    def _check_pixels(self, pixels: int, size: str, place: str) -> None:
        limit = self.document.limits.image_pixels
        if pixels > limit:
            fault = f"{place}: {size} = {pixels:,} pixels, limit {limit:,}"
            raise self.document.exceeds("E_LIMIT_PIXELS", fault, "image_pixels")


def _offered(texture: Json) -> Iterator[int]:
    extensions = texture.get("extensions", {})
    for name in PREFERRED:
        if "source" in extensions.get(name, {}):
            yield extensions[name]["source"]
    if "source" in texture:
        yield texture["source"]
