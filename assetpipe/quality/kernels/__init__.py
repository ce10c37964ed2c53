"""Warp kernels of the judges: arrays in, arrays out."""
