"""What holds for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How fast examples are found says something about the machine, and nothing about what is tested.
settings.register_profile(
    "isolane", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("isolane")
