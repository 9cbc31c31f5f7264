"""PostgreSQL as the forecaster's memory: a prediction is written once, and what is stored is what is said elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2.extras import execute_values

from crypto_assets.postgres.kept import KeptConnection
from crypto_assets.postgres.statements import statement
from crypto_assets.stream.forecaster.prediction import Prediction


def write_predictions(kept: KeptConnection, predictions: Sequence[Prediction]) -> list[Prediction]:
    """Commit the predictions; returns them as they are stored, where one that was there before stays as it was.

    Raises CryptoAssetsError or psycopg2.Error; then the same call may be repeated.
    """
    with kept.transaction() as connection, connection.cursor() as cursor:
        text = statement("insert_predictions").format(columns=", ".join(Prediction._fields))
        rows = execute_values(cursor, text, predictions, page_size=len(predictions), fetch=True)
    return [Prediction(*row) for row in rows]
