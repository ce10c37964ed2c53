"""assetpipe: large 3D product models in, three validated glTF/Draco levels of detail out."""

__version__ = "0.1.0"
