"""Ingress: the sockets on which events arrive, and the way answers go back."""
