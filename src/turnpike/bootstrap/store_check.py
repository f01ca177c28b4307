"""The doctor's look at a store on a server; a machine that runs only the gateway has no driver for one."""

from __future__ import annotations

from turnpike.doctor.finding import Finding, unknown
from turnpike.doctor.plant import store_finding

try:
    from turnpike.adapters.sql.reach import postgres_fault
except ModuleNotFoundError as missing:
    MISSING: str | None = str(missing)
else:
    MISSING = None


def look_at_store(url: str) -> Finding:
    """What is to be said of the store at the address; the address itself, which holds a password, is not."""
    if MISSING is not None:
        return unknown(
            "store",
            f"TURNPIKE_STORE_URL is set, and this machine cannot look at it ({MISSING})",
            "only control needs it: where that runs, in Turnpike's clone, pip install '.[control,postgres]'",
        )
    return store_finding(postgres_fault(url))
