"""Hooks of Schemathesis for the short run: of the types that a member is not of, one is sent.

It makes up six, half of all cases, and they take the same way. Every member gets all of them, and forty
things more, in tests/journeys/test_bad_input.py, in a hundredth of the time.
"""

from typing import Any

import schemathesis

_sent: set[tuple[str, ...]] = set()


@schemathesis.hook
def filter_case(_context: Any, case: Any) -> bool:
    """Whether the case is sent."""
    about: Any = case.meta.phase.data if case.meta is not None else None
    if getattr(about, "scenario", None) is None or "incorrect_type" not in str(about.scenario):
        return True
    place = (case.operation.label, str(about.parameter), str(about.parameter_location), str(about.location))
    if place in _sent:
        return False
    _sent.add(place)
    return True
