"""On PYTHONPATH of a process: every call of AWS that it makes is written down in the file that RECORDED names, but for
those of `test`, who prepares things."""

import json
import os

if os.environ.get("RECORDED"):
    import botocore.client

    plain = botocore.client.BaseClient._make_api_call

    def noted(client, operation, params):  # type: ignore[no-untyped-def]
        if client._request_signer._credentials.access_key == "test":
            return plain(client, operation, params)
        tagged = bool(params.get("Tagging"))
        said = [client.meta.service_model.service_name, operation, "tagged" if tagged else ""]
        answer = {}
        try:
            answer = plain(client, operation, params)
            return answer
        finally:
            encrypted = "aws:kms" in (params.get("ServerSideEncryption"), answer.get("ServerSideEncryption"))
            with open(os.environ["RECORDED"], "a", encoding="ascii") as file:  # noqa: PTH123  # in one write
                file.write(json.dumps([*said, "encrypted" if encrypted else ""]) + "\n")

    botocore.client.BaseClient._make_api_call = noted
