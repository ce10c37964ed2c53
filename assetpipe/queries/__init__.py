"""Rays and points against triangles: what asks where a surface is asks here. One kernel source, CPU or CUDA."""
