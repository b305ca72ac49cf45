"""WebSockets: messages between the core's streams and peers, whoever made the connection."""
