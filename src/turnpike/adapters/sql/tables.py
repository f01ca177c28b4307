"""The store's tables, as the migrations leave them."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

Name = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text that sorts by code point on every database."""

store_state = sa.Table(
    "store_state",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("audit_serial", sa.BigInteger, nullable=False),
    sa.Column("audit_digest", sa.LargeBinary, nullable=False),
    sa.Column("audit_mark", sa.LargeBinary, nullable=False),
)

resources = sa.Table(
    "resources",
    metadata,
    sa.Column("kind", Name, primary_key=True),
    sa.Column("name", Name, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("spec", sa.Text, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("created_at_ns", sa.BigInteger, nullable=False),
    sa.Column("changed_at_ns", sa.BigInteger, nullable=False),
)

sealed_secrets = sa.Table(
    "sealed_secrets",
    metadata,
    sa.Column("kind", Name, primary_key=True),
    sa.Column("name", Name, primary_key=True),
    sa.Column("path", Name, primary_key=True),
    sa.Column("written", sa.Text, nullable=False),
    sa.Column("closed", sa.LargeBinary, nullable=False),
)

keys = sa.Table(
    "keys",
    metadata,
    sa.Column("name", Name, primary_key=True),
    sa.Column("revoked_at_ns", sa.BigInteger),
)

key_secrets = sa.Table(
    "key_secrets",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("key", Name, nullable=False, index=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("created_at_ns", sa.BigInteger, nullable=False),
    sa.Column("expires_at_ns", sa.BigInteger),
)

revoked_secrets = sa.Table(
    "revoked_secrets",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
)

audit_events = sa.Table(
    "audit_events",
    metadata,
    sa.Column("serial", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False, index=True),
    sa.Column("actor", Name, nullable=False, index=True),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("kind", Name, nullable=False),
    sa.Column("name", Name, nullable=False),
    sa.Column("before", sa.Text),
    sa.Column("after", sa.Text),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("change", sa.Text, nullable=False),
    sa.Column("previous", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Index("ix_audit_events_resource", "kind", "name"),
)

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("serial", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("created_at_ns", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

notes = sa.Table(
    "notes",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)
