"""`doctor`: what this machine can do, with the cure for what is missing. Each part is tried, not looked up."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from assetpipe import node
from assetpipe.errors import AssetpipeError, ServiceUnavailable
from assetpipe.version import __version__


class Item(BaseModel):
    """One thing that was tried."""

    model_config = ConfigDict(frozen=True)

    name: str
    state: str
    """ok | missing (a build needs it) | absent (only an option needs it)"""
    detail: str
    cure: str = ""


class Health(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: tuple[Item, ...]

    def raise_if_failed(self) -> None:
        lacking = [item.name for item in self.items if item.state == "missing"]
        if lacking:
            raise ServiceUnavailable(
                "E_DOCTOR", f"missing: {', '.join(lacking)}", hint="the cures stand beside them above"
            )


def examine() -> Health:
    return Health(
        items=(
            Item(name="assetpipe", state="ok", detail=f"{__version__}, Python {platform.python_version()}"),
            _machine(),
            _try("draco", _draco, "pip install dracopy"),
            _try("meshopt", _meshopt, "pip install meshoptimizer==0.2.30a0"),
            _try("images", _images, "pip install pyvips pyvips-binary pillow"),
            _try("kernels", _kernels, "pip install warp-lang"),
            _try("cache", _cache, "make ~/.cache writable, or set ASSETPIPE_CACHE to a folder that is"),
            _gpu(),
            _node(),
            _validator(),
            _sandbox(),
        )
    )


def mend() -> None:
    node.install_packages()


def _try(name: str, attempt: Callable[[], str], cure: str) -> Item:
    """A codec that is there but broken is as good as missing, whatever it raises."""
    try:
        return Item(name=name, state="ok", detail=attempt())
    except Exception as error:
        return Item(name=name, state="missing", detail=f"{type(error).__name__}: {error}", cure=cure)


def _machine() -> Item:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    cores = len(os.sched_getaffinity(0))
    return Item(
        name="machine", state="ok", detail=f"{cores} cores, {memory:.0f} GiB memory, {free:.0f} GiB free disk here"
    )


def _draco() -> str:
    draco = importlib.import_module("DracoPy")
    points = np.eye(3, dtype=np.float32)
    decoded = draco.decode(draco.encode(points, np.array([[0, 1, 2]], dtype=np.uint32)))
    if len(decoded.faces) != 1:
        raise ValueError("a triangle did not survive")
    return f"DracoPy {version('DracoPy')} encodes and decodes"


def _meshopt() -> str:
    meshopt = importlib.import_module("meshoptimizer")
    indices = np.array([0, 1, 2, 2, 1, 3], dtype=np.uint32)
    decoded = meshopt.decode_index_buffer(6, 4, meshopt.encode_index_buffer(indices, 6, 4))
    if set(np.asarray(decoded).reshape(-1).tolist()) != {0, 1, 2, 3}:
        raise ValueError("two triangles did not survive")
    return f"meshoptimizer {version('meshoptimizer')} encodes and decodes"


def _images() -> str:
    vips = importlib.import_module("pyvips")
    image = vips.Image.black(8, 8, bands=3)
    for suffix in (".png", ".jpg", ".webp"):
        vips.Image.new_from_buffer(image.write_to_buffer(suffix), "").avg()
    return f"libvips {vips.version(0)}.{vips.version(1)}.{vips.version(2)} writes PNG, JPEG and WebP"


def _kernels() -> str:
    warp = importlib.import_module("assetpipe.kernels")
    return f"Warp {version('warp-lang')}, compiled kernels in {warp.kernel_cache()}"


def _cache() -> str:
    folder = node.cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        return str(folder)


def _gpu() -> Item:
    import warp

    devices = [device.name for device in warp.get_cuda_devices()]
    if devices:
        return Item(name="gpu", state="ok", detail=", ".join(devices))
    return Item(name="gpu", state="absent", detail="no CUDA device; everything runs on the CPU")


def _node() -> Item:
    found = node.node_version()
    if found:
        return Item(name="node", state="ok", detail=found)
    cure = "apt install nodejs npm"
    return Item(name="node", state="absent", detail="`check` and KTX2 need it, builds do not", cure=cure)


def _sandbox() -> Item:
    from assetpipe.sandbox import confinement, unconfined

    if fault := unconfined():
        cure = "Linux 5.13 or later with landlock in its list of security modules (lsm=)"
        return Item(name="sandbox", state="absent", detail=fault, cure=cure)
    return Item(name="sandbox", state="ok", detail=f"{confinement()} confines the builds of a batch")


def _validator() -> Item:
    try:
        from assetpipe.quality import validate_glb

        report = validate_glb(b"glTF", "a broken file")
    except AssetpipeError as error:
        return Item(name="validator", state="absent", detail=error.message, cure=error.hint)
    return Item(name="validator", state="ok", detail=f"Khronos glTF-Validator {report.validator}")
