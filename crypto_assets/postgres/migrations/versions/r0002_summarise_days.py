"""Summarise days."""

from alembic import op

from crypto_assets.postgres.statements import execute_files

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table of summaries and the procedure that fills it."""
    execute_files(op.get_bind(), "create_daily_summary", "create_get_daily_summary")
