"""Warp kernels of the atlas."""
