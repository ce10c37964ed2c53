"""configs/*.toml -> frozen settings. `configs/default.toml` holds every default, once; this file says what is possible.

Order of precedence, key by key: default.toml, the category's file, the file given by --config.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import tomllib
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from assetpipe.errors import ConfigError, MissingFile, UsageError

Count = Annotated[int, Field(ge=1)]
Quality = Annotated[int, Field(ge=1, le=100)]
Bits = Annotated[int, Field(ge=4, le=16)]
Pixels = Annotated[int, Field(ge=1, le=16384)]
SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
SLUG_RULE = "a-z, 0-9, '-' and '_', at most 80 of them, the first a letter or digit"
EVENTS = (
    r"^(arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?"
    r"|arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9._/-]{1,256}|[A-Za-z0-9._/-]{1,256})?$"
)
INDEX = re.compile(r"index(-[0-9]+)?")
INDEX_RULE = "cannot name an asset: it names the index of its category"
RESERVED = frozenset({"history", "manifest", "poster", "report"})  # folders of the store's layout and files of a bundle


class Settings(BaseModel):
    """A frozen table of settings: an unknown key is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Level(Settings):
    """One level of detail, described by the screen that it is for."""

    screen_px: Pixels
    max_triangles: Count
    texture_px: Pixels
    max_bytes: Count


class Geometry(Settings):
    max_error_px: Annotated[float, Field(gt=0)]
    weld_m: Annotated[float, Field(ge=0)]
    hidden: Literal["keep", "remove"]


class Textures(Settings):
    atlas: Literal["auto", "always", "never"]
    atlas_draw_texels: Count
    atlas_loss: Annotated[float, Field(ge=1)]
    bake: Literal["auto", "always", "never"]
    bake_degrees: Annotated[float, Field(ge=0)]
    bake_occlusion: bool
    format: Literal["webp", "jpeg", "png", "ktx2"]
    colour_quality: Quality
    normal_quality: Quality
    data_quality: Quality
    min_quality: Quality
    min_px: Pixels
    power_of_two: bool


class Compression(Settings):
    geometry: Literal["draco", "meshopt", "none"]
    position_bits: Bits
    normal_bits: Bits
    uv_bits: Bits
    colour_bits: Literal[8, 16]
    weight_bits: Literal[8, 16]
    draco_level: Annotated[int, Field(ge=0, le=10)]


class Limits(Settings):
    """What a source may ask of this machine."""

    source_bytes: Count
    json_bytes: Count
    triangles: Count
    vertices: Count
    nodes: Count
    node_depth: Count
    materials: Count
    textures: Count
    image_pixels: Count
    total_image_pixels: Count


class Publish(Settings):
    """Where bundles go. Nothing of it is in a bundle, so it's no part of the config's sha256."""

    endpoint_url: Annotated[str, Field(pattern=r"^(https?://[^\s/@?#]+(/[^\s@?#]*)?)?$")]
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]*$")]
    kms_key: str
    accelerate: bool
    part_mb: Annotated[int, Field(ge=5, le=5120)]
    threads: Annotated[int, Field(ge=1, le=64)]
    index_entries: Count
    index_seconds: Annotated[float, Field(ge=0, le=3600)]
    distribution: Annotated[str, Field(pattern=r"^[A-Za-z0-9]*$")]
    invalidate: Literal["paths", "tags", "never"]
    replica: str
    replica_region: Annotated[str, Field(pattern=r"^[a-z0-9-]*$")]
    keep_days: Annotated[int, Field(ge=0)]
    events: Annotated[str, Field(pattern=EVENTS)]
    catalog: Annotated[str, Field(pattern=r"^(dynamodb:[A-Za-z0-9_.-]{3,255}|sqlite:.+)?$")]

    @model_validator(mode="after")
    def _acceleration_is_of_aws(self) -> Publish:
        if self.accelerate and self.endpoint_url:
            raise ValueError(f"accelerate = true is for AWS itself, not for endpoint_url = {self.endpoint_url!r}")
        return self


class Batch(Settings):
    """How AWS Batch is asked. Nothing of it is in a bundle, so it's no part of the config's sha256."""

    queue: str
    gpu_queue: str
    job_definition: str
    gpu_seconds: Annotated[float, Field(ge=0)]
    minutes_per_job: Annotated[float, Field(ge=3, le=30)]
    attempts: Annotated[int, Field(ge=1, le=10)]
    price_per_vcpu_hour: Annotated[float, Field(ge=0)]
    price_per_gpu_hour: Annotated[float, Field(ge=0)]


class Config(Settings):
    category: str = "general"
    levels: dict[str, Level]
    geometry: Geometry
    textures: Textures
    compression: Compression
    limits: Limits
    publish: Publish
    batch: Batch

    @field_validator("category")
    @classmethod
    def _category_is_a_slug(cls, value: str) -> str:
        if not SLUG.fullmatch(value):
            raise ValueError(f"a category is {SLUG_RULE}")
        return value

    @field_validator("levels")
    @classmethod
    def _levels_are_slugs(cls, value: dict[str, Level]) -> dict[str, Level]:
        for name in value:
            if not SLUG.fullmatch(name) or name in RESERVED:
                raise ValueError(
                    f"{name!r} cannot name a level: use {SLUG_RULE}; {', '.join(sorted(RESERVED))} are taken"
                )
        return value

    @model_validator(mode="after")
    def _finer_levels_are_larger(self) -> Config:
        coarse_to_fine = sorted(self.levels.items(), key=lambda item: item[1].screen_px)
        for (low, coarse), (high, fine) in pairwise(coarse_to_fine):
            for key in ("max_triangles", "texture_px"):
                if getattr(coarse, key) > getattr(fine, key):
                    raise ValueError(
                        f"levels.{low}.{key} = {getattr(coarse, key)} is more than levels.{high}.{key} = "
                        f"{getattr(fine, key)}, although {high} is for the larger screen"
                    )
        return self

    @property
    def fine_to_coarse(self) -> list[tuple[str, Level]]:
        return sorted(self.levels.items(), key=lambda item: (-item[1].screen_px, item[0]))

    @property
    def sha256(self) -> str:
        """Of what is set for the making of a bundle, whatever files it came from."""
        making = self.model_dump(exclude={"publish", "batch"})
        return hashlib.sha256(json.dumps(making, sort_keys=True).encode()).hexdigest()


def load_config(file: Path | None = None, *, category: str | None = None) -> Config:
    """The defaults, overridden by the category's file (when one ships) and by `file`, key by key."""
    layers = [_shipped("default")]
    own = _read(file) if file else {}
    named = category or own.get("category")
    if named is not None and not (isinstance(named, str) and SLUG.fullmatch(named)):
        fault, hint = f"{named!r} cannot be a category", f"use {SLUG_RULE}"
        if category:
            raise UsageError("E_CATEGORY", fault, hint=hint)
        raise ConfigError("E_CONFIG_VALUE", f"{file}: {fault}", hint=hint)
    if named in shipped_configs() and named != "default":
        layers.append(_shipped(named))
    layers.append(own)
    if category:
        layers.append({"category": category})
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = _merge(merged, layer)
    return _validate(merged, file or config_folder() / f"{named or 'default'}.toml")


@cache
def config_folder() -> Path:
    """Beside the package in a checkout, inside it when installed."""
    package = Path(__file__).parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


@cache
def shipped_configs() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in config_folder().glob("*.toml")))


def _shipped(name: str) -> dict[str, Any]:
    return _read(config_folder() / f"{name}.toml")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # editors on Windows begin files with a mark
    except FileNotFoundError:
        hint = f"for a shipped one use --category ({', '.join(shipped_configs())})"
        raise MissingFile("E_CONFIG_MISSING", f"{path}: no such config file", hint=hint) from None
    except UnicodeDecodeError:
        raise ConfigError("E_CONFIG_TOML", f"{path}: is not UTF-8 text", hint="save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("E_CONFIG_TOML", f"{path}: not valid TOML: {error}", hint="see https://toml.io") from None
    except OSError as error:
        fault = f"{path}: cannot be read: {error.strerror}"
        raise ConfigError("E_CONFIG_READ", fault, hint="name a TOML file") from None


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both_tables = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both_tables else value
    return merged


def _validate(values: dict[str, Any], path: Path) -> Config:
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise _explain(path, key, first) from None


def _explain(path: Path, key: str, fault: Any) -> ConfigError:
    if fault["type"] == "extra_forbidden":
        allowed = _siblings(fault["loc"])
        near = difflib.get_close_matches(str(fault["loc"][-1]), allowed, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        return ConfigError(
            "E_CONFIG_KEY", f"{path}: unknown key {key}", hint=f"{hint}allowed here: {', '.join(allowed)}"
        )
    if fault["type"] == "missing":
        return ConfigError(
            "E_CONFIG_INCOMPLETE", f"{path}: {key} is missing", hint="a level of your own needs all its keys"
        )
    message = fault["msg"].removeprefix("Value error, ")
    subject = (
        f"{key} = {_shown(fault['input'])}: "
        if key and not isinstance(fault["input"], dict)
        else f"{key}: "
        if key
        else ""
    )
    return ConfigError(
        "E_CONFIG_VALUE",
        f"{path}: {subject}{message[0].lower()}{message[1:]}",
        hint=f"see the comments in {config_folder() / 'default.toml'}",
    )


def _shown(value: object) -> str:
    """Never the password of a URL: what is refused ends up in logs."""
    return re.sub(r"//[^/@]*@", "//***@", repr(value))


def _siblings(loc: tuple[str | int, ...]) -> list[str]:
    """The keys that may stand where an unknown one was found."""
    model: type[BaseModel] = Config
    for part in loc[:-1]:
        field = model.model_fields.get(str(part))
        kinds = [field.annotation, *get_args(field.annotation)] if field else [Level]
        model = next(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))
    return sorted(model.model_fields)
