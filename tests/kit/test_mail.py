"""Letters leave through TLS or not at all, or into a folder."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from aiosmtplib import SMTPException
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from boxoffice.kit.mail import FolderPost, Letter, SmtpPost, is_mail_address, open_post
from boxoffice.kit.settings import Settings
from server import free_port

LETTER = Letter(
    id="a-letter", to="ada@example.org", subject="H\u00f6rt, h\u00f6rt", text="Text", html="<p>Text</p>"
)


class Box(Message):
    def __init__(self) -> None:
        super().__init__()
        self.subjects: list[str] = []

    def handle_message(self, message: object) -> None:
        self.subjects.append(str(message["Subject"]))  # pyright: ignore[reportIndexIssue]


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a server at localhost shows; this process trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = tmp_path / "certificate.pem", tmp_path / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(paths[0]))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*paths)
    return context


def safe_server(box: Box, certificate: ssl.SSLContext) -> Controller:
    return Controller(
        box, hostname="localhost", port=free_port(), tls_context=certificate, require_starttls=True
    )


async def test_starttls_is_used_and_without_it_nothing_is_sent(certificate: ssl.SSLContext):
    box = Box()
    server = Controller(
        box, hostname="localhost", port=free_port(), tls_context=certificate, require_starttls=True
    )
    server.start()
    try:
        await SmtpPost(f"smtp://localhost:{server.port}", "a@example.org").send(LETTER)
    finally:
        server.stop()
    assert box.subjects == ["H\u00f6rt, h\u00f6rt"] or "=?utf-8?" in box.subjects[0]
    bare = Controller(box, hostname="localhost", port=free_port())
    bare.start()
    try:
        with pytest.raises(SMTPException, match="STARTTLS"):
            await SmtpPost(f"smtp://localhost:{bare.port}", "a@example.org").send(LETTER)
    finally:
        bare.stop()
    assert len(box.subjects) == 1


async def test_a_server_with_an_unknown_certificate_gets_nothing(
    certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("SSL_CERT_FILE")
    box = Box()
    server = Controller(
        box, hostname="localhost", port=free_port(), tls_context=certificate, require_starttls=True
    )
    server.start()
    try:
        with pytest.raises((ssl.SSLError, SMTPException)):
            await SmtpPost(f"smtp://localhost:{server.port}", "a@example.org").send(LETTER)
    finally:
        server.stop()
    assert box.subjects == []


async def test_without_a_server_letters_are_files_for_their_owner_only(tmp_path: Path):
    post = open_post(Settings(data_folder=tmp_path))
    assert isinstance(post, FolderPost)
    await post.send(LETTER)
    await post.send(LETTER)
    (file,) = (tmp_path / "mail").iterdir()

    assert (file.name, (tmp_path / "mail").stat().st_mode & 0o777) == ("a-letter.eml", 0o700)
    assert b"To: ada@example.org" in file.read_bytes()


@pytest.mark.parametrize(
    ("address", "is_one"),
    [
        ("ada@example.org", True),
        ("a.d+a'!#$%&*/=^?_`{|}~-@b.co", True),
        ("a" * 64 + "@example.org", True),
        ("a" * 65 + "@example.org", False),
        (".ada@example.org", False),
        ("ada.@example.org", False),
        ("ada@example", False),
        ("ada@example.org.", False),
        ("ada@exa_mple.org", False),
        ("a=?b@example.org", False),
        ("a" * 100_000, False),
        ("a@" + "a-" * 50_000, False),
    ],
)
def test_an_address_is_plain(address: str, is_one: bool):  # noqa: FBT001
    assert is_mail_address(address) == is_one
