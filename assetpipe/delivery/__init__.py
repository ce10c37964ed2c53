"""BUNDLE -> PUBLISHED: keys, stores (folder, S3), the publish itself, the catalog, the CDN.

Reading order: keys (where everything is), store (what every store promises), memory, folder, s3 (the stores), publish
(the order that never shows anything half), catalog (what is published; sqlite, dynamodb), upkeep (verify, rollback,
gc), cdn (what viewers may have cached).
"""
