"""Events: how a request or a task becomes what the core runs."""
