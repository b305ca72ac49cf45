"""Sessions of tenants in PostgreSQL: where they lead, how much they may take, and how they end."""
