"""Keep prices and trades, by day."""

from alembic import op

from crypto_assets.postgres.statements import execute_files

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the partitioned tables and the function that gives them a day."""
    execute_files(op.get_bind(), "create_staging_schema", "create_raw_prices", "create_trades", "create_ensure_day")
