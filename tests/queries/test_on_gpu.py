"""What can be said of kernels on a GPU where there is none: Warp brings CUDA's compiler."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import warp as wp

from assetpipe import baking
from assetpipe.baking.staging import KERNELS
from assetpipe.kernels import kernel_cache

CAPABILITY = 75
"""The oldest that Warp's CUDA compiles for."""
ASKED_FOR = {"sky": 12}
"""Warp's test of a ray and a triangle names six itself, which a CPU computes as well, for each of two queries; with
leave to fuse there are 70."""


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_that_bake_compile_for_a_gpu(name: str, tmp_path: Path) -> None:
    """All of them, without products and sums in one rounding: a GPU differs from a CPU as little as it can."""
    kernel_cache()
    module = wp.get_module(f"{baking.__name__}.kernels.{name}")
    (made,) = wp.compile_aot_module(module, arch=CAPABILITY, module_dir=tmp_path, use_ptx=True)
    code = made.read_text(encoding="utf-8")
    assert f".target sm_{CAPABILITY}" in code
    for kernel in module.kernels.values():
        assert re.search(rf"\.entry {kernel.key.split('.')[-1]}\w*_cuda_kernel_forward", code), kernel.key
    assert len(re.findall(r"\bfma\.rn\.f32\b", code)) == ASKED_FOR.get(name, 0)


def test_arrays_that_do_not_say_where_they_lie_are_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warp would put them on a GPU where there is one, where kernels launched on the CPU cannot reach them."""
    chosen: list[str] = []
    monkeypatch.setattr(wp, "set_device", chosen.append)
    kernel_cache.__wrapped__()
    assert chosen == ["cpu"]
