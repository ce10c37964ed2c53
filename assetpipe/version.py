"""The version, alone: stages write it into files and must not import the package above them."""

__version__ = "0.1.0"
