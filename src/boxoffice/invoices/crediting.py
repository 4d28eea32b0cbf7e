"""How an amount that goes back is shared out over the rates of tax it was paid with. Pure.

What is left of an invoice is counted down by its credit notes, rate by rate, so that however it goes back, in
parts or at once, the credit notes of all of it are the invoice (docs/money.md).
"""

from collections.abc import Iterable, Mapping

import msgspec

from boxoffice.catalog.tariff import TaxMode
from boxoffice.invoices.schemas import Document, TaxLine
from boxoffice.kit.money import Money, split


class Rate(msgspec.Struct, frozen=True):
    """A tax and how it is levied; what bears none has the rate `UNTAXED`."""

    name: str
    mode: TaxMode
    basis_points: int


UNTAXED = Rate("", TaxMode.INCLUDED, 0)


class Taxed(msgspec.Struct, frozen=True):
    """What was paid at a rate, in minor units, its tax included, and the tax."""

    gross: int
    tax: int


Shares = Mapping[Rate, Taxed]


def shares_of(taxes: Iterable[TaxLine], total: int) -> dict[Rate, Taxed]:
    """A total by its rates."""
    shares = {
        Rate(line.name, line.mode, line.basis_points): Taxed(
            line.net.amount + line.amount.amount, line.amount.amount
        )
        for line in taxes
    }
    untaxed = total - sum(share.gross for share in shares.values())
    return shares | {UNTAXED: Taxed(untaxed, 0)} if untaxed else shares


def lines_of(shares: Shares, currency: str) -> list[TaxLine]:
    """The lines of tax of a document."""
    return [
        TaxLine(
            name=rate.name,
            mode=rate.mode,
            basis_points=rate.basis_points,
            net=Money(share.gross - share.tax, currency),
            amount=Money(share.tax, currency),
        )
        for rate, share in shares.items()
        if rate != UNTAXED and share.gross
    ]


def left_of(invoice: Document, notes: Iterable[Document]) -> dict[Rate, Taxed]:
    """What is left of an invoice after these credit notes."""
    left = shares_of(invoice.taxes, invoice.total.amount)
    for note in notes:
        left = _less(left, shares_of(note.taxes, note.total.amount))
    return left


def fits(wanted: Shares, left: Shares) -> bool:
    """Whether all that is wanted is left, at each rate."""
    nothing = Taxed(0, 0)
    return all(
        share.gross <= left.get(rate, nothing).gross and share.tax <= left.get(rate, nothing).tax
        for rate, share in wanted.items()
    )


def share_out(amount: int, wanted: Shares, left: Shares) -> dict[Rate, Taxed]:
    """An amount in proportion to what it is for, but of no rate more than is left of it.

    Of the tax goes back the share that the amount is of what is left at its rate, half a minor unit rounded
    up; the last of an amount takes the last of its tax. The amount is no more than is left altogether.
    """
    weights = {rate: wanted.get(rate, Taxed(0, 0)).gross for rate in left}
    if not any(weights.values()):
        weights = {rate: share.gross for rate, share in left.items()}
    parts = dict(zip(weights, split(amount, list(weights.values())), strict=True))
    given = {rate: min(part, left[rate].gross) for rate, part in parts.items()}
    over = amount - sum(given.values())
    if over:
        room = [left[rate].gross - part for rate, part in given.items()]
        given = {
            rate: part + more for (rate, part), more in zip(given.items(), split(over, room), strict=True)
        }
    return {rate: Taxed(part, _tax_in(part, left[rate])) for rate, part in given.items() if part}


def _tax_in(part: int, of: Taxed) -> int:
    return (2 * of.tax * part + of.gross) // (2 * of.gross)


def _less(left: Shares, gone: Shares) -> dict[Rate, Taxed]:
    nothing = Taxed(0, 0)
    return {
        rate: Taxed(share.gross - gone.get(rate, nothing).gross, share.tax - gone.get(rate, nothing).tax)
        for rate, share in left.items()
    }
