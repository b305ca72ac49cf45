"""What the runner tells of itself: metrics always, traces when a collector is set."""
