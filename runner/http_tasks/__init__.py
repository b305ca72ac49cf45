"""HTTP tasks: a request that is sent at its time, by one of two transports, with what it needs to be sent as registered."""
