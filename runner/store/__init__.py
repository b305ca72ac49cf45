"""PostgreSQL: connections, migrations, sealed secrets and the named queries. Nothing else of the runner speaks SQL."""
