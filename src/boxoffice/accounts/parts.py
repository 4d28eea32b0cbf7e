"""The parts of this domain that a process makes once."""

from typing import Any

from boxoffice.accounts.passwords import Passwords
from boxoffice.accounts.second_factor.codes import SecondFactors
from boxoffice.accounts.sessions.refresh_tokens import RefreshTokens
from boxoffice.accounts.tokens import Tokens
from boxoffice.kit.settings import Settings


def accounts_parts(settings: Settings) -> dict[str, Any]:
    """Dependencies by name. The guards also need `tokens` in the application's state."""
    secret, *others = settings.secrets
    return {
        "tokens": Tokens(secret, settings.access_token_minutes, others),
        "refresh_tokens": RefreshTokens(secret, settings.refresh_token_days, others),
        "second_factors": SecondFactors(settings.secrets),
        "passwords": Passwords(settings.password_threads, apart=True),
    }
