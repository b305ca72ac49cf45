"""Proves what Isolane promises."""
