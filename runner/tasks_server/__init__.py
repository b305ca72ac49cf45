"""The tasks server: owners who register HTTP tasks, and watch, stop or change them. Source: seed 004."""
