"""Decides which isolate runs what, where and for how long; has no network and no database."""
