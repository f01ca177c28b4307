"""The kinds of resource: one module per kind, one row per kind in `table.KINDS`."""
