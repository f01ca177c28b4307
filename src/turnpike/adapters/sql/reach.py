"""Whether a database can be the store, for whoever looks for what is wrong."""

from __future__ import annotations

from contextlib import closing

import sqlalchemy as sa

from turnpike.adapters.sql.engine import reading
from turnpike.adapters.sql.store import open_postgres_store
from turnpike.domain.errors import StoreUnavailable

_MAY_MAKE_TABLES = sa.text("SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)")


def postgres_fault(url: str) -> str | None:
    """Why the database cannot hold the store; None where it can. Waits no longer than a connection may take."""
    try:
        with closing(open_postgres_store(url)) as store, reading(store.engine) as connection:
            may_make_tables = connection.execute(_MAY_MAKE_TABLES).scalar_one()
    except StoreUnavailable as fault:
        return fault.message
    return None if may_make_tables else "its account may not make tables in this database"
