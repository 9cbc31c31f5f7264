"""Keep predictions."""

from alembic import op

from crypto_assets.postgres.statements import execute_files

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table of what promoted models foretold."""
    execute_files(op.get_bind(), "create_predictions")
