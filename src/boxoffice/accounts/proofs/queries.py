"""All SQL over what was mailed to prove who reads an address."""

from datetime import timedelta

import msgspec

from boxoffice.kit.postgres import Source, Transaction


class ProofRow(msgspec.Struct, frozen=True):
    """A mailed token that is still good."""

    user_id: int
    purpose: str
    email: str


class SentRow(msgspec.Struct, frozen=True):
    """What was mailed before; `sent_ago` is None for a letter that did not get out yet."""

    nonce: bytes
    token_hash: bytes
    sent_ago: timedelta | None


async def find_proof(source: Source, token_hash: bytes) -> ProofRow | None:
    return await source.find(
        ProofRow,
        "SELECT user_id, purpose, email FROM email_proofs WHERE token_hash = $1 AND expires_at > now()",
        token_hash,
    )


async def find_sent(source: Source, user_id: int, purpose: str, email: str) -> SentRow | None:
    """The proof of this purpose that was mailed to this address and is still good."""
    return await source.find(
        SentRow,
        """
        SELECT nonce, token_hash, now() - sent_at AS sent_ago
          FROM email_proofs
         WHERE user_id = $1
           AND purpose = $2
           AND email = $3
           AND expires_at > now()
        """,
        user_id,
        purpose,
        email,
    )


async def insert_proof(
    tx: Transaction,
    user_id: int,
    purpose: str,
    email: str,
    *,
    nonce: bytes,
    token_hash: bytes,
    life: timedelta,
) -> None:
    """Keep a new proof in place of an older one of the same purpose."""
    await tx.execute(
        """
        INSERT INTO email_proofs (user_id, purpose, email, nonce, token_hash, expires_at)
        VALUES ($1, $2, $3, $4, $5, now() + $6::interval)
        ON CONFLICT (user_id, purpose) DO UPDATE
           SET email = excluded.email,
               nonce = excluded.nonce,
               token_hash = excluded.token_hash,
               created_at = now(),
               expires_at = excluded.expires_at,
               sent_at = NULL
        """,
        user_id,
        purpose,
        email,
        nonce,
        token_hash,
        life,
    )


async def update_sent(tx: Transaction, token_hash: bytes) -> None:
    await tx.execute("UPDATE email_proofs SET sent_at = now() WHERE token_hash = $1", token_hash)


async def delete_proof(tx: Transaction, token_hash: bytes) -> ProofRow | None:
    """Use the token up; what it proves, or None when it is not good any more."""
    return await tx.find(
        ProofRow,
        """
        DELETE FROM email_proofs
         WHERE token_hash = $1
           AND expires_at > now()
        RETURNING user_id, purpose, email
        """,
        token_hash,
    )


async def delete_expired_proofs(tx: Transaction, limit: int) -> int:
    """Delete tokens that prove nothing any more, so many at most."""
    return await tx.execute(
        """
        DELETE FROM email_proofs
         WHERE (user_id, purpose) IN (SELECT user_id, purpose
                                        FROM email_proofs
                                       WHERE expires_at <= now()
                                       LIMIT $1)
        """,
        limit,
    )


async def delete_proofs(tx: Transaction, user_id: int) -> None:
    await tx.execute("DELETE FROM email_proofs WHERE user_id = $1", user_id)
