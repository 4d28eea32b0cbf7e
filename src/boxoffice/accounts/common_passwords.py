"""The passwords that are tried first, wherever somebody tries; long ones are made of the short.

The file has the commonest of leaked ones with eight characters or more, a line each, in lower case: shorter
ones say too little once digits and signs around them are taken away.
"""

from pathlib import Path

COMMON_PASSWORDS = frozenset(Path(__file__).with_suffix(".txt").read_text("ascii").split())
