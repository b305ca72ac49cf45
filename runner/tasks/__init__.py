"""The durable queue: tasks in PostgreSQL, claimed under leases, each outcome committed once. See README.md."""
