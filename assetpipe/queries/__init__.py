"""Rays and points against triangles: everything that asks where a surface is asks here. One kernel source, CPU or CUDA."""
