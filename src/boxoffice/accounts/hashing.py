"""What a process that hashes does for us; it imports as little as it can."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError


def verify(hasher: PasswordHasher, password_hash: str, password: str) -> bool:
    """Whether the password is right; the hash of an account that cannot be logged in to is none."""
    try:
        return hasher.verify(password_hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
