"""Backups: one snapshot of the database as one file, kept in a folder or in object storage, and the way back."""
