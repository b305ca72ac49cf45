"""Texts that come in pieces of any size, and the lines, JSON values and YAML documents in them.

Must not know stages or events.
"""
