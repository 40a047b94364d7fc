"""PostgreSQL: one pool per role, the tenant-scoped transaction, named queries, migrations."""
