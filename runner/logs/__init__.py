"""What workers print, and how they fail: to the terminal, over NATS, into the table ``logs``, and back to whoever tails it."""
