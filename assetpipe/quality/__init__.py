"""GLB -> VERDICT: Khronos' validator, the audit of budgets, the report; and pictures of what a GLB shows.

`poster` and `render` are imported by their own names: they bring Warp with them, which takes half a second.
"""

from assetpipe.quality.audit import Finding, Verdict, audit_glb
from assetpipe.quality.budgets import PROFILES
from assetpipe.quality.report import report_html
from assetpipe.quality.validator import ValidatorMessage, ValidatorReport, validate_glb, validate_glbs

__all__ = [
    "PROFILES",
    "Finding",
    "ValidatorMessage",
    "ValidatorReport",
    "Verdict",
    "audit_glb",
    "report_html",
    "validate_glb",
    "validate_glbs",
]
