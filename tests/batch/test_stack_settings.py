"""The template as it is read: settings, places and parameters are in all parts that need them, and in no other."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from assetpipe.config import load_config
from tests.batch.stacks import Resolver, printed
from tests.commands import run

REGION = "eu-central-1"


def test_what_is_published_is_read_by_the_site_alone_and_without_its_runs() -> None:
    """Models and manifests by the one distribution; what workers write to each other by nobody outside; nothing in the
    clear."""
    statements = Resolver(json.loads(printed()), {"Site": "E1"}).properties("StorePolicy")["PolicyDocument"][
        "Statement"
    ]
    said = {statement["Sid"]: statement for statement in statements}
    reads, hidden = said["SiteReads"], said["SiteSeesNothingOfOurs"]
    assert reads["Resource"] == "arn:aws:s3:::shop-models/eu/*"
    assert reads["Condition"]["StringEquals"]["AWS:SourceArn"].endswith(":distribution/E1")
    assert (hidden["Effect"], hidden["Resource"]) == ("Deny", "arn:aws:s3:::shop-models/eu/assetpipe.*")
    assert said["EncryptedConnectionsOnly"]["Effect"] == "Deny"
    assert len([statement for statement in statements if statement["Effect"] == "Allow"]) == 1


def test_the_shop_s_own_settings_go_along_and_those_of_places_are_refused(tmp_path: Path) -> None:
    """A `$` stays one; [publish] and [batch] are what the stack knows; the function's environment has an end."""
    own = tmp_path / "shop.toml"
    own.write_text('category = "furniture"\n\n[levels.preview]\nmax_triangles = 500 # ${no} $reference\n')
    (tmp_path / "whole.toml").write_text(
        Resolver(json.loads(printed("--config", own)))(config_of(printed("--config", own)))
    )
    config = load_config(tmp_path / "whole.toml")
    assert (config.levels["preview"].max_triangles, config.batch.queue) == (500, "assetpipe-cpu")
    assert "${no} $reference" in (tmp_path / "whole.toml").read_text()
    for text, code, fault in (
        ("[publish]\nthreads = 2\n", 2, "has [publish], which the stack writes itself"),
        (f"# {'x' * 3_000}\n", 70, "a function's environment takes 2,500"),
        ("[levels.preview]\ntriangles = 5\n", 78, "unknown key"),
    ):
        own.write_text(text)
        done = run("batch", "template", "--to", "s3://shop-models", "--sources", "s3://in-box", "--config", own)
        assert (done.code, fault in done.err) == (code, True), done.err
    same = run("batch", "template", "--to", "s3://shop-models/eu", "--sources", "s3://shop-models")
    assert (same.code, "a bucket of their own" in same.err) == (2, True)


def config_of(text: str) -> Any:
    return json.loads(text)["Outputs"]["Config"]["Value"]


def test_results_of_stages_are_kept_where_they_are_asked_for_and_for_so_long() -> None:
    """By all workers together, in the store, from where no viewer reads them; else nowhere."""
    template = json.loads(printed())
    for days, place, rules in ((0, "off", 2), (14, "s3://shop-models/eu", 3)):
        resolve = Resolver(template, {"CacheDays": days})
        told = resolve.properties("Work")["ContainerProperties"]["Environment"]
        assert {"Name": "ASSETPIPE_STAGES", "Value": place} in told
        life = resolve.properties("Store")["LifecycleConfiguration"]["Rules"]
        assert len(life) == rules
    assert (life[-1]["Prefix"], life[-1]["ExpirationInDays"]) == ("eu/assetpipe.stages/", 14)


def test_a_second_region_and_a_key_are_in_config_rights_and_site_where_they_are_named() -> None:
    """And nowhere else: without them no role may anything with keys, and no place of the template is half filled."""
    template = json.loads(printed())
    key = f"arn:aws:kms:{REGION}:000000000000:key/1"
    named = {
        "KmsKey": key,
        "ReplicaBucket": "shop-there",
        "ReplicaRegion": "eu-west-1",
        "ReplicaKmsKey": f"{key}-there",
    }
    plain, both = Resolver(template), Resolver(template, named)
    for name in ("Publisher", "Keeper", "WorkRole"):
        told = json.dumps(both.properties(name))
        assert '"arn:aws:s3:::shop-there/eu/*"' in told
        assert told.count('"kms:GenerateDataKey"') == 2
        assert not re.search("kms:|shop-there", json.dumps(plain.properties(name)))
    for name in ("Submitter", "NightRole", "OnUploadRole"):
        told = json.dumps(both.properties(name))
        assert (told.count('"kms:Decrypt"'), "shop-there" in told) == (1, False)
    for resolve, replica in ((plain, ""), (both, "s3://shop-there/eu")):
        config = tomllib.loads(resolve(config_of(printed())))["publish"]
        assert (config["replica"], config["kms_key"]) == (replica, key if replica else "")
        site = resolve.properties("Site")["DistributionConfig"]
        origins = [origin["Id"] for origin in site["Origins"]]
        groups = site.get("OriginGroups", {"Items": []})["Items"]
        assert site["DefaultCacheBehavior"]["TargetOriginId"] in [*origins, *(group["Id"] for group in groups)]
        members = [member["OriginId"] for group in groups for member in group["Members"]["Items"]]
        assert members == (origins if replica else [])
    assert site["Origins"][1]["DomainName"] == "shop-there.s3.eu-west-1.amazonaws.com"
    (store,) = both.properties("Store")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert store["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}


def test_a_shop_without_gpus_has_no_queue_for_them() -> None:
    """Neither machines nor a name in the config, where nothing may be asked of it."""
    template = json.loads(printed())
    assert {name for name, said in template["Resources"].items() if said.get("Condition") == "Gpus"} == {
        "GpuMachines",
        "GpuQueue",
    }
    assert 'gpu_queue = ""' in Resolver(template, {"MaxGpuVcpus": 0})(config_of(printed()))
    assert 'gpu_queue = "assetpipe-gpu"' in Resolver(template)(config_of(printed()))
