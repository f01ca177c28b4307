"""As much of the state as a change of one key looks at: what takes a right away waits for no look at everything."""

from __future__ import annotations

from collections.abc import Iterator

from turnpike.ports.store import State, Store, StoredResource

KEYS = "keys"
PAGE_ITEMS = 1000


def state_around_key(store: Store, name: str) -> State:
    """The state with no resources but the key of this name, whose it is, and every team, which say who administers them.

    It is read piece by piece, its revision first: where something moved meanwhile, the store refuses
    what is decided on it. Raises StoreUnavailable.
    """
    revision = store.revision()
    head = store.audit_head()
    key = store.resource(KEYS, name)
    stored = store.key(name)
    resources = () if key is None else (key, *_owners(store, key), *_all_teams(store))
    published = store.snapshots(1)
    return State(revision, resources, (stored,) if stored else (), head, published[0] if published else None)


def _owners(store: Store, key: StoredResource) -> Iterator[StoredResource]:
    for field in ("project", "user"):
        name = key.spec.get(field)
        owner = store.resource(f"{field}s", name) if isinstance(name, str) else None
        if owner is not None:
            yield owner


def _all_teams(store: Store) -> Iterator[StoredResource]:
    after = None
    while page := store.resources("teams", after, PAGE_ITEMS):
        yield from page
        after = page[-1].name
