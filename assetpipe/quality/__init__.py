"""GLB -> verdict, poster, report."""

from assetpipe.quality.audit import Finding, Verdict, audit_glb
from assetpipe.quality.budgets import PROFILES
from assetpipe.quality.validator import ValidatorMessage, ValidatorReport, validate_glb, validate_glbs

__all__ = [
    "PROFILES",
    "Finding",
    "ValidatorMessage",
    "ValidatorReport",
    "Verdict",
    "audit_glb",
    "validate_glb",
    "validate_glbs",
]
