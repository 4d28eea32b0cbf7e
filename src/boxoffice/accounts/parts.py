"""The parts of this domain that a process makes once."""

from typing import Any

from boxoffice.accounts.passwords import Passwords
from boxoffice.accounts.refresh_tokens import RefreshTokens
from boxoffice.accounts.tokens import Tokens
from boxoffice.kit.settings import Settings


def accounts_parts(settings: Settings) -> dict[str, Any]:
    """Dependencies by name. The guards also need `tokens` in the application's state."""
    return {
        "tokens": Tokens(settings.secret, settings.access_token_minutes),
        "refresh_tokens": RefreshTokens(settings.secret, settings.refresh_token_days),
        "passwords": Passwords(settings.password_threads),
    }
