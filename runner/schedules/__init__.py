"""Scheduled events: the crons of the database, fired once over all runners, and those that come over NATS."""
