"""SQL of what events charge."""

from collections.abc import Mapping, Sequence

from boxoffice.kit.postgres import Transaction


async def delete_prices(tx: Transaction, event_ids: Sequence[int]) -> None:
    await tx.execute("DELETE FROM event_prices WHERE event_id = ANY ($1::bigint[])", event_ids)


async def insert_prices(tx: Transaction, event_ids: Sequence[int], prices: Mapping[str, int]) -> None:
    """Give each of these events these prices."""
    await tx.execute(
        """
        INSERT INTO event_prices (event_id, category, amount)
        SELECT event_id, category, amount
          FROM unnest($1::bigint[]) AS event_id, unnest($2::text[], $3::bigint[]) AS price (category, amount)
        """,
        event_ids,
        list(prices),
        list(prices.values()),
    )


async def update_ticket_types(tx: Transaction, event_ids: Sequence[int], ticket_types: str) -> None:
    """Replace all ticket types of events, as JSON; whoever changes them counts their revisions up."""
    await tx.execute(
        "UPDATE events SET ticket_types = $2::json WHERE id = ANY ($1::bigint[])", event_ids, ticket_types
    )


async def update_hidden_categories(tx: Transaction, event_ids: Sequence[int], hidden: str) -> None:
    """Replace the hidden categories of events, as JSON; whoever changes them counts their revisions up."""
    await tx.execute(
        "UPDATE events SET hidden_categories = $2::json WHERE id = ANY ($1::bigint[])", event_ids, hidden
    )


async def update_price_changes(tx: Transaction, event_ids: Sequence[int], changes: str) -> None:
    """Replace all changes of prices of events, as JSON; whoever changes them counts their revisions up."""
    await tx.execute(
        "UPDATE events SET price_changes = $2::json WHERE id = ANY ($1::bigint[])", event_ids, changes
    )


async def update_fees(tx: Transaction, event_ids: Sequence[int], fees: str) -> None:
    """Replace all fees of events, as JSON; whoever changes them counts their revisions up."""
    await tx.execute("UPDATE events SET fees = $2::json WHERE id = ANY ($1::bigint[])", event_ids, fees)


async def update_tax(tx: Transaction, event_ids: Sequence[int], tax: str | None) -> None:
    """Replace the tax of events, as JSON; None takes it away."""
    await tx.execute("UPDATE events SET tax = $2::json WHERE id = ANY ($1::bigint[])", event_ids, tax)
