"""Runs the migrations on the connection that adapters.sql.migrate hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from turnpike.adapters.sql.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
