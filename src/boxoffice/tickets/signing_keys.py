"""Public keys that outlive the secret: whoever holds a code can have it verified for ever.

The operator may change the secret at any time. Codes on paper were signed with the key of the old
one, so a public key is stored before the first code it signed leaves the house. Deleting its row
(and restarting) withdraws a key: codes signed with it are refused, and buyers who open their tickets
again get new ones.
"""

import base64

from boxoffice.kit.postgres import Database, Source
from boxoffice.tickets import queries
from boxoffice.tickets.code import TicketCode, TicketKeys, read_code
from boxoffice.tickets.schemas import TicketKey, TicketKeySet

# A key a day for three months; a gate that needs an older one asks us about the ticket instead.
KEYS_SHOWN_MAX = 100


async def publish_key(db: Database, keys: TicketKeys) -> None:
    """Make sure our public key is stored; asks PostgreSQL once in a process's life."""
    if keys.is_published:
        return
    async with db.transaction() as tx:
        await queries.insert_ticket_key(tx, keys.key_id, keys.public_key)
    keys.is_published = True


async def find_genuine_code(source: Source, keys: TicketKeys, scanned: str) -> TicketCode | None:
    """Read a scanned text and verify its signature with the key it names; None if it is not ours."""
    code = read_code(scanned)
    if code is None:
        return None
    public_key = keys.known.get(code.key_id)
    if public_key is None:
        public_key = await queries.find_public_key(source, code.key_id)
        if public_key is None:
            return None
        keys.known[code.key_id] = public_key
    return code if code.signed_by(public_key) else None


async def show_ticket_keys(db: Database, keys: TicketKeys) -> TicketKeySet:
    """Every public key a valid code may be signed with, the current one among them."""
    await publish_key(db, keys)
    rows = await queries.list_ticket_keys(db, KEYS_SHOWN_MAX)
    return TicketKeySet(
        keys=[
            TicketKey(kid=row.key_id.hex(), x=base64.urlsafe_b64encode(row.public_key).decode().rstrip("="))
            for row in rows
        ]
    )
