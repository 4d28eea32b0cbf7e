"""Letters by e-mail: through an SMTP server, or into a folder where none is set."""

import asyncio
import re
import ssl
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib
import msgspec
import structlog

from boxoffice.kit.postgres import assert_no_transaction
from boxoffice.kit.settings import SMTP_PORTS, Settings

# RFC 5321, section 4.5.3.2, allows minutes; a job comes again anyway.
SMTP_SECONDS_MAX = 20.0

# What RFC 5322 calls a dot-atom: no quotes, no comments. Python would decode an encoded word (RFC 2047) in
# a header and write the line breaks out that it may hold, which adds headers; an address has none.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?!.*=\?){_ATOM}(\.{_ATOM})*@{_LABEL}(\.{_LABEL})+")

# What a server that refuses a letter may repeat of it.
_ANY_ADDRESS = re.compile(r"[^\s<>'\",]+@[^\s<>'\",]+")

# RFC 5321, section 4.5.3.1.1.
_LOCAL_PART_CHARACTERS_MAX = 64

_log = structlog.get_logger()


def is_mail_address(text: str) -> bool:
    """Whether a letter can be sent there: a plain ASCII address with a domain that has a dot."""
    return _ADDRESS.fullmatch(text) is not None and len(text.partition("@")[0]) <= _LOCAL_PART_CHARACTERS_MAX


class Attachment(msgspec.Struct, frozen=True):
    """A file that comes with a letter."""

    name: str
    media_type: str
    content: bytes


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A letter to one address. `id` stays the same when it is sent again, so that readers can tell."""

    id: str
    to: str
    subject: str
    text: str
    html: str
    attachments: Sequence[Attachment] = ()


class Undeliverable(Exception):  # noqa: N818  the postal word
    """The server will never take this letter; sending it again is no use."""


class NotTaken(Exception):  # noqa: N818  as above
    """The server does not take this letter now."""


class Post(Protocol):
    """Something that takes letters."""

    async def send(self, letter: Letter) -> None:
        """Hand the letter over. Raises `Undeliverable`; anything else may succeed later."""
        ...


def open_post(settings: Settings) -> Post:
    """The SMTP server that is set, or else the folder `mail` among the data."""
    if settings.smtp_url is None:
        return FolderPost(settings.data_folder / "mail", settings.mail_from)
    return SmtpPost(settings.smtp_url, settings.mail_from)


class SmtpPost:
    """Hands letters to one SMTP server.

    `smtps://` speaks TLS from the first byte, `smtp://` turns to it by STARTTLS and sends nothing if the
    server has none, `smtp+plain://` sends in the clear, for a relay on the same machine.
    """

    def __init__(self, url: str, sender: str) -> None:
        # The settings have been asked whether it is one.
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self._host = parts.hostname
        self._port = parts.port or SMTP_PORTS[parts.scheme]
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._sender = sender

    async def send(self, letter: Letter) -> None:
        """Hand the letter over to the server."""
        assert_no_transaction("A letter")
        try:
            await aiosmtplib.send(
                _message(letter, self._sender),
                hostname=self._host,
                port=self._port,
                username=self._user,
                password=self._password,
                use_tls=self._scheme == "smtps",
                start_tls=self._scheme == "smtp",
                tls_context=None if self._scheme == "smtp+plain" else ssl.create_default_context(),
                timeout=SMTP_SECONDS_MAX,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            is_final = all(each.code >= 500 for each in error.recipients)
            raise _refused(error, is_final=is_final) from None
        except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPDataError) as error:
            raise _refused(error, is_final=error.code >= 500) from None


def _refused(error: aiosmtplib.SMTPException, *, is_final: bool) -> Undeliverable | NotTaken:
    """The server's words without whose letter it was: they come into the log, and into the table of jobs."""
    words = f"{type(error).__name__}: {_ANY_ADDRESS.sub('***', str(error))}"
    return Undeliverable(words) if is_final else NotTaken(words)


class FolderPost:
    """Writes letters to files, for a machine without a mail server."""

    def __init__(self, folder: Path, sender: str) -> None:
        self.folder = folder
        self._sender = sender

    async def send(self, letter: Letter) -> None:
        """Write the letter to a file of its own, or again to the same one."""
        assert_no_transaction("A letter")
        path = await asyncio.to_thread(self._write, letter)
        _log.info("letter written, since no mail server is set", file=str(path))

    def _write(self, letter: Letter) -> Path:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / f"{letter.id}.eml"
        path.write_bytes(_message(letter, self._sender).as_bytes())
        return path


def _message(letter: Letter, sender: str) -> EmailMessage:
    name, address = parseaddr(sender)
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(name, addr_spec=address)
    message["To"] = Address(addr_spec=letter.to)
    message["Subject"] = letter.subject
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = f"<{letter.id}@{address.partition('@')[2]}>"
    # RFC 3834: holiday notices are not to answer.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    for each in letter.attachments:
        maintype, _, subtype = each.media_type.partition("/")
        message.add_attachment(each.content, maintype=maintype, subtype=subtype, filename=each.name)
    return message
