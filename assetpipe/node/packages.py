"""package-lock.json -> a folder in the user's cache with the npm packages and a copy of our scripts.

    <cache>/node-<lock>/node_modules/…               made by `npm ci`, complete because it is renamed into place
    <cache>/node-<lock>/scripts-<content>/*.mjs      made at first use, named by content

An ES module finds packages only in the folders above its own file (NODE_PATH is ignored), so the scripts lie under
`node_modules`' parent. Naming them by content makes an edited script take effect at once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from assetpipe.caches import user_cache
from assetpipe.errors import ServiceUnavailable

HERE = Path(__file__).parent
INSTALL_SECONDS = 600
GET_NODE = "install node 18 or newer: apt install nodejs npm"
GET_PACKAGES = "run `assetpipe doctor --fix`"
# npm reaches its registry through the user's own settings, proxies and certificates; nothing else of the environment
# concerns it.
NPM_ENVIRONMENT = (
    "HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
    "XDG_CONFIG_HOME",
)


def cache_folder() -> Path:
    own = os.environ.get("ASSETPIPE_CACHE")
    return Path(own).absolute() if own else user_cache() / "assetpipe"


def packages_folder() -> Path:
    """Where the packages of this version's lock belong, whether they are there or not."""
    lock = (HERE / "package-lock.json").read_bytes()
    return cache_folder() / f"node-{hashlib.sha256(lock).hexdigest()[:12]}"


def install_packages() -> Path:
    """Run `npm ci` unless its result is there already. Safe to run several times at once: the first to finish wins."""
    folder = packages_folder()
    if packages_present():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise ServiceUnavailable("E_NPM_MISSING", "npm is not on PATH", hint=GET_NODE)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as work:
            made = Path(work) / "made"
            _npm_ci(npm, made)
            _rename(made, folder)
    except OSError as error:
        raise _unwritable(folder, error) from None
    return folder


def packages_present() -> bool:
    return (packages_folder() / "node_modules").is_dir()


def script_path(name: str) -> Path:
    """The copy of `name`.mjs that finds its packages."""
    folder = packages_folder()
    if not packages_present():
        raise ServiceUnavailable("E_NODE_PACKAGES", f"{folder}: the node packages are not installed", hint=GET_PACKAGES)
    sources = {path.name: path.read_bytes() for path in sorted(HERE.glob("*.mjs"))}
    digest = hashlib.sha256()
    for source_name, source in sources.items():
        digest.update(f"{source_name}\0{len(source)}\0".encode() + source)
    scripts = folder / f"scripts-{digest.hexdigest()[:12]}"
    if not scripts.is_dir():
        _write_scripts(scripts, sources)
    return scripts / f"{name}.mjs"


def _write_scripts(folder: Path, sources: dict[str, bytes]) -> None:
    try:
        with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as work:
            made = Path(work) / "made"
            made.mkdir()
            for name, source in sources.items():
                (made / name).write_bytes(source)
            _rename(made, folder)
    except OSError as error:
        raise _unwritable(folder, error) from None


def _npm_ci(npm: str, folder: Path) -> None:
    folder.mkdir()
    for name in ("package.json", "package-lock.json"):
        (folder / name).write_bytes((HERE / name).read_bytes())
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(
            command, cwd=folder, env=_npm_environment(), capture_output=True, timeout=INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise ServiceUnavailable("E_NPM_FAILED", f"npm ci took longer than {INSTALL_SECONDS} s") from None
    if done.returncode or not (folder / "node_modules").is_dir():
        said = " ".join(done.stderr.decode(errors="replace").split())[-500:]
        hint = "npm must reach its registry: check the network, the proxy and `npm config list`"
        raise ServiceUnavailable("E_NPM_FAILED", f"npm ci ended with {done.returncode}: {said}", hint=hint)


def _npm_environment() -> dict[str, str]:
    def concerns_npm(name: str) -> bool:
        return name.upper() in NPM_ENVIRONMENT or name.lower().startswith("npm_config_")

    kept = {name: value for name, value in os.environ.items() if concerns_npm(name)}
    return {**kept, "PATH": os.environ.get("PATH", os.defpath)}


def _rename(made: Path, folder: Path) -> None:
    """Folders are renamed onto nothing or onto an empty folder only, so whoever comes second keeps the first's."""
    try:
        made.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _unwritable(folder: Path, error: OSError) -> ServiceUnavailable:
    hint = "set ASSETPIPE_CACHE to a folder that can be written"
    return ServiceUnavailable("E_CACHE_WRITE", f"{folder}: cannot be written: {error.strerror}", hint=hint)
