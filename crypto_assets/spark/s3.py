"""How Spark's S3 client reaches a server, in Hadoop's own names."""

from __future__ import annotations

from crypto_assets.endpoints import S3Endpoint

FILE_SYSTEM = "org.apache.hadoop.fs.s3a.S3AFileSystem"


def s3_configuration(endpoint: S3Endpoint, *, bucket: str | None = None) -> dict[str, str]:
    """Hadoop's settings for a bucket, or for all; `s3://` means the same as `s3a://`.

    What the endpoint does not name is found as Hadoop finds it: AWS itself, keys of the environment or the instance.
    """
    given = {
        "endpoint": endpoint.url,
        "endpoint.region": endpoint.region,
        "access.key": endpoint.access_key,
        "secret.key": endpoint.secret_key,
    }
    if endpoint.url:
        secure = endpoint.url.startswith("https://")
        # other servers than Amazon's have no host name for each bucket, and need not version what is read
        given |= {
            "path.style.access": "true",
            "connection.ssl.enabled": str(secure).lower(),
            "change.detection.mode": "none",
        }
    prefix = f"fs.s3a.bucket.{bucket}" if bucket else "fs.s3a"
    return {"fs.s3.impl": FILE_SYSTEM, **{f"{prefix}.{name}": value for name, value in given.items() if value}}
