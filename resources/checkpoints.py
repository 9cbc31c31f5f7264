"""The models that assets are handed."""

from __future__ import annotations

from functools import cache

import dagster as dg

from crypto_assets.forecast.checkpoints import Checkpoints


class CheckpointsResource(dg.ConfigurableResource):
    """Hands out the models at a URI, CHECKPOINTS_URI: a folder, `file://`, `s3://` or `hdfs://`."""

    uri: str

    @property
    def checkpoints(self) -> Checkpoints:
        """The models, one connection for all of this process."""
        return _checkpoints(self.uri)


@cache
def _checkpoints(uri: str) -> Checkpoints:
    return Checkpoints(uri)
