"""Real PostgreSQL and NATS servers from wheels, for ``isolane dev`` and the tests: they live and die with their parent."""
