"""The word of the command line -> the machine that kernels run on. One kernel source serves both."""

from __future__ import annotations

from typing import Literal

import warp as wp

from assetpipe.errors import ServiceUnavailable
from assetpipe.kernels import kernel_cache, load

Choice = Literal["auto", "cpu", "cuda"]
Device = str
"""Warp's name of it: `cpu`, `cuda:0`."""


def pick(choice: Choice) -> Device:
    """`auto` takes a GPU where there is one and the CPU without a word where there is none."""
    kernel_cache()  # brings Warp up, silently
    if choice == "cpu" or (choice == "auto" and not wp.is_cuda_available()):
        return "cpu"
    if not wp.is_cuda_available():
        raise ServiceUnavailable(
            "E_NO_CUDA",
            "--device cuda: no NVIDIA GPU with a driver that CUDA can use is here",
            hint="leave --device out, which takes the CPU where there is no GPU, or install NVIDIA's driver",
        )
    return str(wp.get_cuda_device())


def told(device: Device) -> str:
    """What its arithmetic depends on: all CPUs give the same bytes, GPUs of one kind do."""
    return "cpu" if device == "cpu" else f"cuda {wp.get_device(device).name}"


def load_on(module: str, device: Device) -> None:
    """Compile the kernels of a module for the device, or fetch them from the cache."""
    if device == "cpu":
        load(module)
    else:
        kernel_cache()
        wp.load_module(module, device=device)


def wait(device: Device) -> None:
    """Launches on a GPU return before the work is done."""
    if device != "cpu":
        wp.synchronize_device(device)
