"""The first form of the store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables, and the one row that counts changes."""
    _resources()
    _keys()
    _trail()
    state = op.create_table(
        "store_state",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("audit_serial", sa.BigInteger, nullable=False),
        sa.Column("audit_digest", sa.LargeBinary, nullable=False),
        sa.Column("audit_mark", sa.LargeBinary, nullable=False),
    )
    op.bulk_insert(
        state, [{"id": 1, "revision": 0, "audit_serial": 0, "audit_digest": b"", "audit_mark": b""}]
    )
    op.create_table(
        "notes",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )


def _resources() -> None:
    op.create_table(
        "resources",
        sa.Column("kind", _NAME, primary_key=True),
        sa.Column("name", _NAME, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("created_at_ns", sa.BigInteger, nullable=False),
        sa.Column("changed_at_ns", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "sealed_secrets",
        sa.Column("kind", _NAME, primary_key=True),
        sa.Column("name", _NAME, primary_key=True),
        sa.Column("path", _NAME, primary_key=True),
        sa.Column("written", sa.Text, nullable=False),
        sa.Column("closed", sa.LargeBinary, nullable=False),
    )


def _keys() -> None:
    op.create_table(
        "keys",
        sa.Column("name", _NAME, primary_key=True),
        sa.Column("revoked_at_ns", sa.BigInteger),
    )
    op.create_table(
        "key_secrets",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("key", _NAME, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("created_at_ns", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ns", sa.BigInteger),
    )
    op.create_index("ix_key_secrets_key", "key_secrets", ["key"])


def _trail() -> None:
    op.create_table(
        "audit_events",
        sa.Column("serial", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("actor", _NAME, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("kind", _NAME, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("previous", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_audit_events_at_ns", "audit_events", ["at_ns"])
    op.create_index("ix_audit_events_actor", "audit_events", ["actor"])
    op.create_index("ix_audit_events_resource", "audit_events", ["kind", "name"])
    op.create_table(
        "snapshots",
        sa.Column("serial", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("created_at_ns", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
