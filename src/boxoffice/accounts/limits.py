"""How often a stranger may try what opens an account, costs a hash or sends a letter.

A log-in is counted three ways. By address, against trying one password on many accounts. By address and
account, against guessing: whoever does it loses their own turns, and the owner, elsewhere, none. By account
alone, against guessing from very many addresses: that limit is wide, and while it is exhausted one turn comes
back every 90 seconds, so that nobody can keep the owner out for long.

Who is logged in and shows the password again is counted too, by account: it may be a thief of the session.
"""

from typing import Any

from litestar import Request

from boxoffice.kit.rate_limits import RateLimit, RateLimits

# A class room that logs in at once passes; spraying is left with one try in ten seconds.
LOGIN = RateLimit("login", turns=30, seconds=300)

# Nobody mistypes a password ten times, and a guesser is left with 960 tries a day, none of them common.
LOGIN_TO_ACCOUNT_FROM_ADDRESS = RateLimit("login-account-address", turns=10, seconds=900)

# More than an owner with ten devices needs. In no hour more than a hundred tries (OWASP ASVS 2.2.1): forty at
# once, the forty that come back meanwhile, and the twenty of the next limit.
LOGIN_TO_ACCOUNT = RateLimit("login-account", turns=40, seconds=3600)

# Nobody mistypes a password ten times; each try may also send a letter to an address of one's choice.
CONFIRMATION = RateLimit("confirmation", turns=10, seconds=3600)

# Each costs a hash and a letter; an office may arrive at once.
REGISTER = RateLimit("register", turns=30, seconds=3600)

# A mailbox gets one letter a minute at most; this is for somebody who names many mailboxes.
LETTER = RateLimit("letter", turns=10, seconds=900)

# A mailed token has 256 bits, nobody guesses one; a right one costs a hash.
PROOF = RateLimit("mailed-token", turns=30, seconds=900)


async def count_login(request: Request[Any, Any, Any], email: str) -> None:
    """Take the turns a try at this address costs, whether it has an account or not.

    Raises `TooManyRequests`. Whoever has no turn of their own takes none of the account's. It is called by
    whoever has a hasher's turn: in a rush of strangers only those who can be served cost the database
    anything, and one who fills the line with tries beyond the limit is out of it in milliseconds.
    """
    limits: RateLimits = request.app.state.rate_limits
    account = email.lower()
    await limits.take_for_address(request.scope, LOGIN)
    await limits.take_for_address(request.scope, LOGIN_TO_ACCOUNT_FROM_ADDRESS, account)
    await limits.take(request.scope, LOGIN_TO_ACCOUNT, account)


async def count_confirmation(request: Request[Any, Any, Any], user_id: int) -> None:
    """Take the turn that it costs to show one's password again. Raises `TooManyRequests`."""
    limits: RateLimits = request.app.state.rate_limits
    await limits.take(request.scope, CONFIRMATION, str(user_id))


async def forgive_logins(request: Request[Any, Any, Any], email: str) -> None:
    """Whoever knew the password was no guesser: their own turns at this account come back at once."""
    limits: RateLimits = request.app.state.rate_limits
    await limits.give_back(request.scope, LOGIN_TO_ACCOUNT_FROM_ADDRESS, email.lower())
