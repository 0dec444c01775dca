"""How many examples a property test tries."""

from hypothesis import HealthCheck, settings

ALL = 100
"""`max_examples` of the profile that tries all of them; conftest.py has the profiles."""


def examples(number: int) -> settings:
    """So many in `make test`; in `make check` and `make quick` the part of them that their profile says."""
    return settings(
        max_examples=number * settings.default.max_examples // ALL,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],  # the machine may be busy
    )
