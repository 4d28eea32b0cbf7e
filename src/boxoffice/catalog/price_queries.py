"""SQL of what an event charges, besides the prices it begins with."""

from boxoffice.kit.postgres import Transaction


async def update_ticket_types(tx: Transaction, event_id: int, ticket_types: str) -> None:
    """Replace all ticket types, as JSON; the event's revision is counted up by whoever changes it."""
    await tx.execute("UPDATE events SET ticket_types = $2::json WHERE id = $1", event_id, ticket_types)


async def update_hidden_categories(tx: Transaction, event_id: int, hidden: str) -> None:
    """Replace the hidden categories, as JSON; the event's revision is counted up by whoever changes it."""
    await tx.execute("UPDATE events SET hidden_categories = $2::json WHERE id = $1", event_id, hidden)


async def update_price_changes(tx: Transaction, event_id: int, changes: str) -> None:
    """Replace all changes of prices, as JSON; the event's revision is counted up by whoever changes it."""
    await tx.execute("UPDATE events SET price_changes = $2::json WHERE id = $1", event_id, changes)


async def update_fees(tx: Transaction, event_id: int, fees: str) -> None:
    """Replace all fees of an event, as JSON; its revision is counted up by whoever changes it."""
    await tx.execute("UPDATE events SET fees = $2::json WHERE id = $1", event_id, fees)


async def update_tax(tx: Transaction, event_id: int, tax: str | None) -> None:
    """Replace the tax of an event, as JSON; None takes it away."""
    await tx.execute("UPDATE events SET tax = $2::json WHERE id = $1", event_id, tax)
