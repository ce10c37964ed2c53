"""All that a shop needs in AWS -> one CloudFormation template.

names.py     what is called how; Wishes, the noun: which buckets
storage.py   buckets, their policies, the catalog's table
sites.py     CloudFront in front of the store
compute.py   machines, queues, job definitions
triggers.py  uploads ─▶ queue ─▶ function; the night's schedule; who hears of what
rights.py    each role's statements: what the code calls, and nothing else
whole.py     all of them together, and what the stack says of itself
"""
