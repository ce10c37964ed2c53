"""Many assets: a plan of what to do, run on this machine or by AWS Batch."""
