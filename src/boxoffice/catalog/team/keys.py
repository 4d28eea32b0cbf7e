"""API keys: an organizer's programs and devices show one in place of an access token.

    bxo_ | 8 characters that find the key | _ | 43 characters of secret (256 bits)

The prefix lets secret scanners find a key that was published by mistake. Of the secret only the SHA-256 is
stored.
"""

import base64
import hashlib
import hmac
import re
import secrets

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.event_rules import YEAR_MAX, YEAR_MIN, is_storable
from boxoffice.catalog.team import key_queries, queries
from boxoffice.catalog.team.key_queries import KeyRow
from boxoffice.catalog.team.schemas import ApiKeys, CreatedApiKey, NewApiKey
from boxoffice.kit.errors import NotFound, Refusal, invalid
from boxoffice.kit.postgres import Database, Transaction

# A scanner for each of a stadium's gates, with room.
API_KEYS_MAX = 200

_PREFIX_BYTES = 5
_SECRET_BYTES = 32

_KEY = re.compile(rb"bxo_([a-z2-7]{8})_([A-Za-z0-9_-]{43})")


class TooManyApiKeys(Refusal, status=409):
    """There are as many API keys as there can be; delete those that nobody uses."""


async def create_key(db: Database, user: Identity, new: NewApiKey) -> CreatedApiKey:
    """Make a key for the user's events, or for one. Raises `InvalidInput` or `TooManyApiKeys`."""
    if not is_storable(new.expires_at):
        raise invalid("/expires_at", f"The year must be from {YEAR_MIN} to {YEAR_MAX}.")
    prefix = base64.b32encode(secrets.token_bytes(_PREFIX_BYTES)).decode().lower()
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    async with db.transaction() as tx:
        await queries.lock_organizer(tx, user.user_id)
        if new.event_id is not None and await queries.find_organizer_of(tx, new.event_id) != user.user_id:
            raise invalid("/event_id", "You have no such event.")
        if len(await key_queries.list_keys(tx, user.user_id)) >= API_KEYS_MAX:
            raise TooManyApiKeys
        about = await key_queries.insert_key(
            tx,
            organizer_id=user.user_id,
            event_id=new.event_id,
            role=new.role,
            name=new.name,
            prefix=prefix,
            secret_hash=_hash_of(secret.encode()),
            expires_at=new.expires_at,
        )
    return CreatedApiKey(key=f"bxo_{prefix}_{secret}", about=about)


async def list_keys(db: Database, user: Identity) -> ApiKeys:
    """The user's keys, oldest first, those that are over too."""
    return ApiKeys(items=await key_queries.list_keys(db, user.user_id))


async def delete_key(db: Database, user: Identity, key_id: int) -> None:
    """Have the key open nothing from now on. Raises `NotFound`."""
    async with db.transaction() as tx:
        if not await key_queries.delete_key(tx, user.user_id, key_id):
            raise NotFound


async def forget_keys(tx: Transaction, organizer_id: int) -> None:
    """Have all of somebody's keys open nothing from now on."""
    await key_queries.delete_keys(tx, organizer_id)


async def find_key(db: Database, text: bytes) -> KeyRow | None:
    """The key this text is, if it is good; that it was used is noted once a minute."""
    found = _KEY.fullmatch(text)
    if found is None:
        return None
    row = await key_queries.find_key(db, found[1].decode())
    if row is None or not hmac.compare_digest(row.secret_hash, _hash_of(found[2])):
        return None
    if row.is_used_anew:
        async with db.transaction() as tx:
            await key_queries.update_used(tx, row.id)
    return row


def is_key(text: bytes) -> bool:
    """Whether the text wants to be an API key, and is no access token."""
    return text.startswith(b"bxo_")


def _hash_of(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
