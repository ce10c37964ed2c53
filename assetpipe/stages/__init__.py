"""A STAGE'S RESULT -> THE SAME RESULT NEXT TIME: kept under a name made of all that it depends on.

Reading order: keys (the names), blobs, nouns and prepared (results as JSON and arrays), entry (one file), shelf,
folder, remote and tray (where files are kept, and a child's way there), kept (what the pipeline asks). Nothing is
imported here: who starts children needs shelves alone, and no kernels.
"""
