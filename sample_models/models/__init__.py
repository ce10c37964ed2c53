"""One module per sample model: `build() -> bytes` makes its GLB."""
