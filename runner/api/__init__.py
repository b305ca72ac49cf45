"""The control listener: probes, administration, and the API for what tenants have. Never on the workers' address."""
