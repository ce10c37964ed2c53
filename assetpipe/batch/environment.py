"""Our environment -> a child's: what it may know, and paths that lead from its folder where they lead from ours."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from assetpipe.batch.order import Order

KEPT = ("PATH", "HOME", "USER", "TZ", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "XDG_CACHE_HOME")
KEPT_PREFIXES = ("LC_", "PYTHON", "WARP_", "CUDA_", "NVIDIA_", "OMP_", "VIPS_", "NODE_EXTRA_CA_CERTS", "ASSETPIPE_")
PATHS = (
    "HOME", "VIRTUAL_ENV", "CUDA_HOME", "CUDA_PATH", "WARP_CACHE_PATH", "ASSETPIPE_CACHE", "ASSETPIPE_STAGES",
    "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CA_BUNDLE",
)  # fmt: skip
"""Variables that name one place. XDG_CACHE_HOME is none of them: a relative one means nothing, to nobody."""
LISTS = ("PATH", "LD_LIBRARY_PATH")
"""Those that name several. An empty one among them would be whatever folder one is in: it is left out."""


def environment_of(order: Order, folder: Path) -> dict[str, str]:
    """`folder`: the child's own. Credentials only for stages that talk to a store."""
    known = _harmless(os.environ) if order.stage == "build" else dict(os.environ)
    return {**_absolute(known), "TMPDIR": str(folder / "tmp"), "PYTHONPATH": _import_path()}


def _harmless(environment: Mapping[str, str]) -> dict[str, str]:
    """Whoever reads a stranger's file holds no keys."""
    return {name: value for name, value in environment.items() if name in KEPT or name.startswith(KEPT_PREFIXES)}


def _absolute(environment: Mapping[str, str]) -> dict[str, str]:
    places = {name: _place(environment[name]) for name in PATHS if environment.get(name)}
    lists = {name: _list(environment[name]) for name in LISTS if environment.get(name)}
    return {**environment, **places, **lists}


def _place(named: str) -> str:
    """What is a word or a URL, as ASSETPIPE_STAGES may be, leads nowhere else from elsewhere. A name from the home
    folder is for its reader to follow."""
    is_path = named != "off" and not named.startswith("~") and named.partition(":")[0].lower() not in ("s3", "file")
    return str(Path(named).absolute()) if is_path else named


def _list(named: str) -> str:
    return os.pathsep.join(str(Path(each).absolute()) for each in named.split(os.pathsep) if each)


def _import_path() -> str:
    """The child works elsewhere: a package that was found relative to our folder is found by it too. One that is
    installed is found anyway, and its folder must not come before Python's own."""
    package = str(Path(__file__).parents[2])
    installed = package in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    known = _list(os.environ.get("PYTHONPATH", "")).split(os.pathsep)
    return os.pathsep.join(dict.fromkeys(filter(None, known if installed else [package, *known])))
