"""PostgreSQL as the forecaster's memory: a prediction is written once, and what is stored is what is said elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case
from psycopg2.extras import execute_values

from crypto_assets.postgres.connection import connect
from crypto_assets.postgres.migrate import migrate
from crypto_assets.postgres.statements import statement
from crypto_assets.stream.forecaster.prediction import Prediction


class Store:
    """One connection, made when it is needed; not for several threads."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None

    def open(self) -> None:
        """Connect, the schema brought up to date; raises CryptoAssetsError or psycopg2.Error."""
        self.close()
        migrate(self._url)
        self._connection = connect(self._url)

    def write(self, predictions: Sequence[Prediction]) -> list[Prediction]:
        """Commit the predictions; returns them as they are stored, where one that was there before stays as it was.

        Raises CryptoAssetsError or psycopg2.Error; then the connection is closed, and the same call may be repeated.
        """
        if self._connection is None:
            self.open()
        assert self._connection is not None
        try:
            with self._connection.cursor() as cursor:
                text = statement("insert_predictions").format(columns=", ".join(Prediction._fields))
                rows = execute_values(cursor, text, predictions, page_size=len(predictions), fetch=True)
            self._connection.commit()
        except BaseException:
            self.close()
            raise
        return [Prediction(*row) for row in rows]

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        if self._connection is not None:
            with suppress(psycopg2.Error):
                self._connection.close()
            self._connection = None
