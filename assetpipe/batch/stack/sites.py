"""CloudFront before the store: signs its requests (OAC), answers CORS itself, collapses misses where that is asked."""

from __future__ import annotations

from assetpipe.batch.stack.names import REPLICA, Json, Wishes, att, named, ref, resource, sub, where
from assetpipe.delivery.surroundings import TAG_HEADER

CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
"""AWS' own cache policy: no cookies, no query, whatever Cache-Control the objects say."""
SHOWN = ["Content-Length", "Content-Range", "ETag"]


def site(wishes: Wishes) -> Json:
    return {
        "SiteAccess": resource(
            "CloudFront::OriginAccessControl",
            {
                "OriginAccessControlConfig": {
                    "Name": named("store"),
                    "OriginAccessControlOriginType": "s3",
                    "SigningBehavior": "always",
                    "SigningProtocol": "sigv4",
                }
            },
        ),
        "SiteHeaders": resource("CloudFront::ResponseHeadersPolicy", {"ResponseHeadersPolicyConfig": _headers()}),
        "Site": resource("CloudFront::Distribution", {"DistributionConfig": _distribution(wishes)}),
    }


def _headers() -> Json:
    """CORS is answered here: forwarding Origin to S3 would split the cache by it."""
    return {
        "Name": named("viewers"),
        "CorsConfig": {
            "AccessControlAllowCredentials": False,
            "AccessControlAllowHeaders": {"Items": ["*"]},
            "AccessControlAllowMethods": {"Items": ["GET", "HEAD", "OPTIONS"]},
            "AccessControlAllowOrigins": {"Items": ref("Origins")},
            "AccessControlExposeHeaders": {"Items": SHOWN},
            "AccessControlMaxAgeSec": 86_400,
            "OriginOverride": True,
        },
        "RemoveHeadersConfig": {"Items": [{"Header": TAG_HEADER}]},
        "SecurityHeadersConfig": {"ContentTypeOptions": {"Override": True}},
    }


def _distribution(wishes: Wishes) -> Json:
    path = f"/{wishes.prefix.rstrip('/')}" if wishes.prefix else ""
    shield = {"Enabled": True, "OriginShieldRegion": ref("OriginShieldRegion")}
    other = {
        "Id": "replica",
        "DomainName": sub(f"{REPLICA}.s3.${{ReplicaRegion}}.${{AWS::URLSuffix}}"),
        "OriginPath": path,
        "OriginAccessControlId": att("SiteAccess", "Id"),
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    return {
        "Comment": sub("${AWS::StackName}: what assetpipe publishes"),
        "Enabled": True,
        "HttpVersion": "http2and3",
        "IPV6Enabled": True,
        "PriceClass": ref("PriceClass"),
        "CacheTagConfig": {"HeaderName": TAG_HEADER},
        "Origins": [
            {
                "Id": "store",
                "DomainName": att("Store", "RegionalDomainName"),
                "OriginPath": path,
                "OriginAccessControlId": att("SiteAccess", "Id"),
                "S3OriginConfig": {"OriginAccessIdentity": ""},
                "OriginShield": {"Fn::If": ["Shielded", shield, {"Enabled": False}]},
            },
            *where("Replicated", other),
        ],
        "OriginGroups": {"Fn::If": ["Replicated", _fallback(), ref("AWS::NoValue")]},
        "DefaultCacheBehavior": {
            "TargetOriginId": {"Fn::If": ["Replicated", "both", "store"]},
            "ViewerProtocolPolicy": "redirect-to-https",
            "AllowedMethods": ["GET", "HEAD", "OPTIONS"],
            "CachePolicyId": CACHING_OPTIMIZED,
            "ResponseHeadersPolicyId": ref("SiteHeaders"),
            "Compress": True,  # manifests and indexes; models are compressed by what they are
        },
    }


def _fallback() -> Json:
    """Where the store's region is down; not where something is missing, which a replica that is behind lacks too."""
    down = [500, 502, 503, 504]
    group = {
        "Id": "both",
        "FailoverCriteria": {"StatusCodes": {"Quantity": len(down), "Items": down}},
        "Members": {"Quantity": 2, "Items": [{"OriginId": "store"}, {"OriginId": "replica"}]},
    }
    return {"Quantity": 1, "Items": [group]}
