"""GLB -> verdict, poster, report."""

from assetpipe.quality.validator import ValidatorMessage, ValidatorReport, validate_glb, validate_glbs

__all__ = ["ValidatorMessage", "ValidatorReport", "validate_glb", "validate_glbs"]
