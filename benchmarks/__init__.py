"""Compares the pooling modes and the peers."""
