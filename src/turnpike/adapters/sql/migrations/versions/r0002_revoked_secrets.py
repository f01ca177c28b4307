"""Revoked secrets: remembered when their key is removed, so that none of them opens anything again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and remember what is revoked already."""
    op.create_table("revoked_secrets", sa.Column("digest", sa.LargeBinary, primary_key=True))
    op.execute(
        "INSERT INTO revoked_secrets (digest) SELECT s.digest FROM key_secrets s JOIN keys k ON k.name = s.key"
        " WHERE k.revoked_at_ns IS NOT NULL"
    )
