"""The primitives behind ``crypto.subtle``, on ``cryptography``: bytes in, bytes out, no state, no event loop.

Runs in threads of the op ``crypto``, which alone imports it: ``cryptography`` takes 160 ms to load. Keys arrive with each call
and are kept nowhere. What a tenant may cause is an OpError with a name that the Web Cryptography API gives it.
"""
