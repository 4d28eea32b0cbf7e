"""Which events a payout is for."""

from collections.abc import Sequence

from boxoffice.payments.payouts.queries import EventDueRow, PartRow


def share_out(dues: Sequence[EventDueRow], amount: int) -> list[PartRow]:
    """The parts of this amount, which is no more than is due: what is owed comes off first, then the oldest.

    An event whose refunds came after its payout is below 0. It is settled with whatever is paid next, so the
    parts add up to the amount, and none is more than its event's due.
    """
    parts = [PartRow(due.event_id, due.amount) for due in dues if due.amount < 0]
    left = amount - sum(part.amount for part in parts)
    for due in dues:
        part = min(due.amount, left)
        if part > 0:
            parts.append(PartRow(due.event_id, part))
            left -= part
    return parts
