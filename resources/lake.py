"""The lake that assets are handed."""

from __future__ import annotations

from functools import cache

import dagster as dg

from crypto_assets.lake.lake import Lake


class LakeResource(dg.ConfigurableResource):
    """Hands out the lake at a URI: a folder, `file://`, `s3://` or `hdfs://`.

    Credentials and endpoint of a store come from where its own tools look for them, such as `AWS_ENDPOINT_URL`.
    """

    uri: str

    @property
    def lake(self) -> Lake:
        """The lake, one connection for all of this process."""
        return _lake(self.uri)


@cache
def _lake(uri: str) -> Lake:
    return Lake(uri)
