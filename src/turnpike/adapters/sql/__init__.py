"""The store on SQL: one implementation for SQLite (embedded) and PostgreSQL."""
