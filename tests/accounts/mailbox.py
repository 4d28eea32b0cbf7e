"""Where letters arrive: a real SMTP server in this process, and the jobs that send to it."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage

import msgspec
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from boxoffice.accounts import letters
from boxoffice.accounts.letter_writing import carry_out_letter
from boxoffice.accounts.letters import LetterWanted
from boxoffice.accounts.proofs.proving import Proofs
from boxoffice.catalog.team import members
from boxoffice.kit.mail import SmtpPost
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Settings
from server import free_port

# The real servers that other tests start on this database do the jobs they know: not ours.
letters.LETTER_JOB = "letter of a test"
members.INVITATION_JOB = "invitation of a test"

SHOP = "https://shop.example.org/tickets"


class Mailbox:
    """Keeps what arrives; answers `refuse` instead when that is set."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.envelopes: list[Envelope] = []
        self.refuse: str | None = None
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port())
        self.proofs = Proofs(Settings().secret)

    @property
    def url(self) -> str:
        return f"smtp+plain://127.0.0.1:{self.controller.port}"

    @property
    def post(self) -> SmtpPost:
        return SmtpPost(self.url, "Box office <tickets@example.org>")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's
        if self.refuse is not None:
            return self.refuse
        self.envelopes.append(envelope)
        return "250 OK"

    async def deliver(self, email: str) -> list[EmailMessage]:
        """Do the jobs that are due for this address, and give what arrived there by them."""
        before = len(self.envelopes)
        for payload in await self._take_jobs(email):
            await carry_out_letter(self.db, self.post, self.proofs, SHOP, payload)
        return [read(envelope) for envelope in self.envelopes[before:]]

    async def wanted(self, email: str) -> list[LetterWanted]:
        """The jobs for this address; they are not done."""
        return [msgspec.json.decode(payload, type=LetterWanted) for payload in await self._take_jobs(email)]

    async def _take_jobs(self, email: str) -> list[bytes]:
        async with self.db.transaction() as tx:
            return await tx.list(
                bytes,
                """
                WITH taken AS (
                    DELETE FROM pgqueuer
                     WHERE entrypoint = $1
                       AND lower(convert_from(payload, 'UTF8')::json ->> 'email') = lower($2)
                    RETURNING id, payload)
                SELECT payload FROM taken ORDER BY id
                """,
                letters.LETTER_JOB,
                email,
            )


def read(envelope: Envelope) -> EmailMessage:
    """The letter as its reader's program has it."""
    assert isinstance(envelope.content, bytes)
    message = message_from_bytes(envelope.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def text_of(letter: EmailMessage) -> str:
    """The letter's plain text."""
    body = letter.get_body(("plain",))
    assert body is not None
    return body.get_content()


def token_in(letter: EmailMessage) -> str:
    """The token in the letter's link."""
    found = re.search(r"#token=([A-Za-z0-9_-]{43})\s", text_of(letter))
    assert found is not None
    return found[1]
