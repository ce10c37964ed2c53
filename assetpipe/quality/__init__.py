"""GLB -> verdict, poster, report."""

from assetpipe.quality.audit import Finding, Verdict, audit_glb
from assetpipe.quality.budgets import PROFILES
from assetpipe.quality.cameras import Camera, three_quarter, views
from assetpipe.quality.drawables import Box, Drawable, Texture, drawn_box
from assetpipe.quality.poster import render_poster
from assetpipe.quality.render import Frame, Look, render
from assetpipe.quality.report import report_html
from assetpipe.quality.validator import ValidatorMessage, ValidatorReport, validate_glb, validate_glbs

__all__ = [
    "PROFILES",
    "Box",
    "Camera",
    "Drawable",
    "Finding",
    "Frame",
    "Look",
    "Texture",
    "ValidatorMessage",
    "ValidatorReport",
    "Verdict",
    "audit_glb",
    "drawn_box",
    "render",
    "render_poster",
    "report_html",
    "three_quarter",
    "validate_glb",
    "validate_glbs",
    "views",
]
