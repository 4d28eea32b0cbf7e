"""The journal: one row a batch, each row's hash taken over the row before it."""

import hashlib
from datetime import datetime

# What the first row of every event's chain is taken over.
GENESIS = bytes(32)


def chain_hash(previous: bytes, version: int, at: datetime, changes: str) -> bytes:
    """SHA-256 over the hash before, the version, the time in microseconds and the changes' text."""
    stamp = round(at.timestamp() * 1_000_000)
    return hashlib.sha256(
        previous + version.to_bytes(8, "big") + stamp.to_bytes(8, "big", signed=True) + changes.encode()
    ).digest()
