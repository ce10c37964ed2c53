"""Order -> Rights: what a build needs of this machine, and nothing else of it.

Who reads a stranger's file may not read the keys of whoever runs it: of a home folder nothing but our caches, and of
what lies about the source only what it may name.
"""

from __future__ import annotations

import os
import shutil
import site
import sys
from collections.abc import Iterator
from pathlib import Path

import assetpipe
from assetpipe.batch.order import Order
from assetpipe.batch.remote import ALONE
from assetpipe.caches import kernel_folder
from assetpipe.config import config_folder
from assetpipe.node.packages import packages_folder, packages_present, script_path
from assetpipe.sandbox import Rights

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store", "/proc", "/sys")
ETC = ("alternatives", "fonts", "group", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias", "localtime",
       "mime.types", "nsswitch.conf", "passwd", "ssl/certs", "ssl/openssl.cnf", "vulkan")  # fmt: skip
DEVICES = ("null", "zero", "full", "random", "urandom", "dri", "dxg")


def rights_of(order: Order, folder: Path) -> Rights:
    """`folder`: the child's own."""
    reads = [*map(Path, SYSTEM), *(Path("/etc") / name for name in ETC), *_python(), *_node(), *_libraries()]
    reads += [kernel_folder(), *_about(Path(order.source))]
    if order.item.config:
        reads.append(Path(order.item.config))
    devices = [Path("/dev") / name for name in DEVICES] + sorted(Path("/dev").glob("nvidia*"))
    return Rights(tuple(reads), (folder, Path(order.out), *devices))


def _about(source: Path) -> Iterator[Path]:
    """What a source may name: files in its own folder. Of a home, or of what homes lie in, only what is not hidden."""
    if source.suffix.lower() in ALONE:
        yield source
    else:
        yield from _open_to_view(source.parent.resolve(), Path.home().resolve())


def _open_to_view(folder: Path, home: Path) -> Iterator[Path]:
    if not home.is_relative_to(folder):
        yield folder
        return
    for entry in sorted(folder.iterdir()):
        if not entry.name.startswith(".") and not home.is_relative_to(entry):
            yield entry


def _python() -> Iterator[Path]:
    """Interpreter, packages and what we ship. A checkout is on the path by its folder, whose other files we leave."""
    home = Path.home().resolve()
    yield from map(Path, (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix))
    yield Path(site.getusersitepackages())
    yield from (Path(assetpipe.__file__).parent, config_folder())
    for each in sys.path:
        path = Path(each)
        if each and not (path / assetpipe.__name__).is_dir() and not home.is_relative_to(path.resolve()):
            yield path


def _node() -> Iterator[Path]:
    """The interpreter's own tree, and our packages; scripts are copied there now, for later nothing can be written."""
    if node := shutil.which("node"):
        yield Path(node)
        yield Path(node).resolve().parents[1]
    if packages_present():
        script_path("validate")
    yield packages_folder()


def _libraries() -> Iterator[Path]:
    for name in ("LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_PATH"):
        yield from (Path(each) for each in os.environ.get(name, "").split(os.pathsep) if each)
