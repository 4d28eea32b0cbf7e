"""What the web application injects into the handlers of this domain."""

from typing import Any

from boxoffice.kit.settings import Settings
from boxoffice.tickets.code import TicketKeys


def ticket_parts(settings: Settings) -> dict[str, Any]:
    """Make the parts, by the name handlers ask for them."""
    return {"ticket_keys": TicketKeys(settings.secret)}
