"""The web server's GraphQL interface, as the page uses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

LAUNCH_BACKFILL = """
mutation LaunchPartitionBackfill($backfillParams: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $backfillParams) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
    ... on UnauthorizedError { message }
  }
}
"""
BACKFILL = """
query Backfill($backfillId: String!) {
  partitionBackfillOrError(backfillId: $backfillId) {
    __typename
    ... on PartitionBackfill {
      status
      error { message }
      runs(limit: 50) { id status tags { key value } }
    }
  }
}
"""
LOCATIONS = """
query Locations {
  workspaceOrError {
    __typename
    ... on Workspace {
      locationEntries {
        name
        locationOrLoadError { __typename ... on PythonError { message } }
      }
    }
  }
}
"""
PARTITION_COUNTS = """
query PartitionCounts($assetKeys: [AssetKeyInput!]!) {
  assetNodes(assetKeys: $assetKeys) {
    assetKey { path }
    partitionStats { numMaterialized numFailed }
    latestMaterializationByPartition { partition metadataEntries { __typename label } }
  }
}
"""
RELOAD = 'mutation Reload { reloadRepositoryLocation(repositoryLocationName: "crypto_assets") { __typename } }'
DAEMONS = "query Daemons { instance { daemonHealth { allDaemonStatuses { daemonType healthy required } } } }"


@dataclass(frozen=True, slots=True)
class GraphQL:
    """Queries against one web server."""

    url: str

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """The `data` of the answer; raises AssertionError with the errors where there are any."""
        reply = httpx.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60)
        reply.raise_for_status()
        body = reply.json()
        assert "errors" not in body, body["errors"]
        return body["data"]

    def launch_backfill(self, assets: Sequence[str], *, partitions: Sequence[str]) -> str:
        """Start a backfill of the partitions as the page's dialogue does, and return its id."""
        parameters = {"assetSelection": [{"path": [name]} for name in assets], "partitionNames": list(partitions)}
        launched = self.ask(LAUNCH_BACKFILL, backfillParams=parameters)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        return launched["backfillId"]

    def backfill(self, backfill_id: str) -> dict[str, Any]:
        """Status, error and runs of a backfill."""
        return self.ask(BACKFILL, backfillId=backfill_id)["partitionBackfillOrError"]
