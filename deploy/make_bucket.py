"""Makes the bucket of LAKE_URI where it is missing: `python make_bucket.py`; harmless to repeat.

Server and keys are those that boto3 finds: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION.
"""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from crypto_assets.config import read_settings
from crypto_assets.errors import ConfigurationError

MINE = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")


def main() -> int:
    """Ends with 0 where the bucket is there."""
    try:
        lake = read_settings().lake
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    place = urlsplit(lake)
    if place.scheme != "s3":
        print(f"LAKE_URI={lake} names no bucket: nothing to make.")
        return 0
    try:
        made = _make(place.netloc)
    except (BotoCoreError, ClientError) as error:
        print(f"The bucket {place.netloc} cannot be made: {error}", file=sys.stderr)
        return 1
    print(f"The bucket {place.netloc} {'was made' if made else 'is there'}.")
    return 0


def _make(bucket: str) -> bool:
    """Whether it had to be made; one that is listed is left alone."""
    client = boto3.client("s3")
    if bucket in {found["Name"] for found in client.list_buckets()["Buckets"]}:
        return False
    try:
        client.create_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in MINE:
            raise
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
