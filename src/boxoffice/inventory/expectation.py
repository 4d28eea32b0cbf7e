"""How long one more command would wait for its turn."""


def expected_wait(batches_before: int, batch_seconds: float, running_for: float) -> float:
    """The wait in seconds, behind so many full batches and the one in flight.

    Batches take as long as they did lately, or as long as the one in flight has taken already: should
    that one never end, nobody joins those who wait for it.
    """
    return (1 + batches_before) * max(batch_seconds, running_for)
