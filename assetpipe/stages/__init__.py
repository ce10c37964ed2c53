"""A STAGE'S RESULT -> THE SAME RESULT NEXT TIME: kept under a name made of all that it depends on.

Reading order: keys (the names), blobs, nouns and prepared (results as JSON and arrays), entry (one file), shelf, folder
and remote (where files are kept), kept (what the pipeline asks).
"""

from assetpipe.stages.kept import Codec, Kept
from assetpipe.stages.keys import stage_key
from assetpipe.stages.nouns import BYTES, DECIMATED, decimated_digest, glb_codec, rebaked_codec, scene_digest
from assetpipe.stages.open_shelf import open_shelf
from assetpipe.stages.prepared import PREPARED, Prepared
from assetpipe.stages.shelf import Shelf

__all__ = [
    "BYTES",
    "DECIMATED",
    "PREPARED",
    "Codec",
    "Kept",
    "Prepared",
    "Shelf",
    "decimated_digest",
    "glb_codec",
    "open_shelf",
    "rebaked_codec",
    "scene_digest",
    "stage_key",
]
