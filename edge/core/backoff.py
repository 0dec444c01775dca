"""How long to wait before the next attempt. Pure: the caller brings the random number."""

MAX_DOUBLINGS = 10


def back_off(tries: int, jitter: float = 0.0, first_s: float = 0.5, max_s: float = 30.0, spread: float = 0.5) -> float:
    """Seconds to wait: `first_s` after no failure, twice as long after each, up to `max_s`; then `jittered`."""
    return jittered(min(first_s * 2.0 ** min(tries, MAX_DOUBLINGS), max_s), jitter, spread)


def jittered(seconds: float, jitter: float, spread: float) -> float:
    """`seconds`, and by `jitter` in [0, 1) up to `spread` of them more: clients that failed together return apart."""
    return seconds * (1 + spread * jitter)
