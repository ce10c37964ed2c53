"""`python -m assetpipe.batch.warm [75 86 ...]`: compiles every kernel ahead, for the CPU and for GPUs of these compute
capabilities, into WARP_CACHE_PATH. Run when a container image is built, so that no job waits for a compiler.

Kernels are for the baseline of the architecture (see kernels.py), so that what one machine compiles serves all. No GPU
and no driver is needed here: Warp brings its own compilers.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator, Sequence

import warp as wp

import assetpipe
from assetpipe.kernels import kernel_cache, load

ON_GPU = ("assetpipe.baking.", "assetpipe.queries.")
"""What may run on a GPU: whatever `queries.device.load_on` is asked for."""
WITHOUT = ("assetpipe.__main__", "assetpipe.batch", "assetpipe.commands", "assetpipe.delivery")
"""Where no kernels are, and an import may do more than define."""


def kernel_modules() -> Iterator[str]:
    """Names of all our modules with kernels of their own."""
    for found in pkgutil.walk_packages(assetpipe.__path__, "assetpipe."):
        if not found.name.startswith(WITHOUT):
            importlib.import_module(found.name)
            if wp.get_module(found.name).kernels:
                yield found.name


def warm(capabilities: Sequence[int]) -> int:
    """How many modules were compiled, or were there."""
    kernel_cache()
    names = sorted(kernel_modules())
    for name in names:
        load(name)
        if capabilities and name.startswith(ON_GPU):
            wp.compile_aot_module(wp.get_module(name), arch=list(capabilities))
    return len(names)


if __name__ == "__main__":
    count = warm([int(each) for each in sys.argv[1:]])
    print(f"{count} kernel modules compiled into {kernel_cache()}")
