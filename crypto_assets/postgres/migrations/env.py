"""What Alembic runs: the revisions, in the transaction that `migrate` has begun."""

from alembic import context

from crypto_assets.postgres.migrate import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
