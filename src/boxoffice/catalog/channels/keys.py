"""Keys of sales channels: who has one sees what the channel sells at, and buys through it."""

import hashlib
import secrets
from typing import Annotated

from litestar.params import HeaderParameter

from boxoffice.kit.errors import Refusal

# Recognisable in a log or in somebody's repository by those who look for leaked keys.
_KEY_PREFIX = "bxc_"

_KEY_BYTES = 32

# Ours have 47; whatever is longer is not even hashed.
CHANNEL_KEY_CHARACTERS_MAX = 100

ChannelKey = Annotated[
    str | None,
    HeaderParameter(
        name="X-Channel-Key",
        min_length=1,
        max_length=CHANNEL_KEY_CHARACTERS_MAX,
        description="The key of the sales channel you buy through: prices and sale times are the channel's.",
    ),
]


class WrongChannelKey(Refusal, status=403):
    """This event has no sales channel with this key. Leave the key out to buy like everybody else."""


def new_key() -> tuple[str, bytes]:
    """A key that nobody has, and its hash."""
    key = _KEY_PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    return key, bytes.fromhex(hash_key(key))


def hash_key(key: str) -> str:
    """What is known of a key: SHA-256, in hex. 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(key.encode()).hexdigest()
