"""NATS: the runner's connection to the bus, what comes from it, and the gateway in front of a fleet."""
