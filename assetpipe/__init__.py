"""assetpipe: large 3D product models in, three validated glTF/Draco levels of detail out.

In reading order:

    asset       the nouns: Scene, Mesh, Material, Image, Lod, Glb
    pipeline    the verbs in order: build_asset()
    sources     source file -> Scene
    geometry    Scene -> Scene per level, and how far it strays
    textures    images -> images of a level
    container   Scene -> bytes of a GLB
    fit         a level under its byte budget
    quality     GLB -> verdict, poster, report
    manifest    what a bundle holds; bundle: the folder on disk
    delivery    bundle -> store, catalog, caches; publishing: one run over a store; shelves: what is published
    config      configs/*.toml -> frozen settings; errors: what can go wrong, exit codes
    api         one call for each command; cli: the commands
    batch       many assets: a plan, run here or by AWS Batch

Every command is one call away:

    import assetpipe
    manifest = assetpipe.build("chair.glb", out="bundles", category="furniture")
    print(manifest.levels[0].triangles, assetpipe.check("bundles/chair").passed)
    assetpipe.publish("bundles/chair", to="s3://shop-models/eu")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assetpipe.version import __version__

if TYPE_CHECKING:
    from assetpipe.api import (
        build,
        catalog_finish,
        catalog_gc,
        catalog_init,
        catalog_list,
        catalog_rollback,
        catalog_show,
        catalog_unfinished,
        catalog_verify,
        check,
        doctor,
        ingest,
        inspect,
        open_run,
        publish,
    )
    from assetpipe.batch.calls import batch_status, nightly_batch, plan_batch, run_batch, submit_batch, work_batch

__all__ = [
    "__version__",
    "batch_status",
    "build",
    "catalog_finish",
    "catalog_gc",
    "catalog_init",
    "catalog_list",
    "catalog_rollback",
    "catalog_show",
    "catalog_unfinished",
    "catalog_verify",
    "check",
    "doctor",
    "ingest",
    "inspect",
    "nightly_batch",
    "open_run",
    "plan_batch",
    "publish",
    "run_batch",
    "submit_batch",
    "work_batch",
]


def __getattr__(name: str) -> Any:
    """Load the stages only when a command is called: `assetpipe --help` answers at once."""
    if name in __all__ and "batch" in name:
        from assetpipe.batch import calls

        return getattr(calls, name)
    if name in __all__:
        from assetpipe import api

        return getattr(api, name)
    raise AttributeError(f"module 'assetpipe' has no attribute {name!r}")
