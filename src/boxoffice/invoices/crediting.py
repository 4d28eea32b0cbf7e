"""What is left of an invoice, and how documents say what was paid or went back at each rate of tax. Pure."""

from collections.abc import Iterable

from boxoffice.invoices.schemas import Document, TaxLine
from boxoffice.kit.money import Money
from boxoffice.payments.refunds.tax_shares import UNTAXED, Rate, Shares, Taxed, less, with_untaxed


def shares_of(taxes: Iterable[TaxLine], total: int) -> Shares:
    """A total by its rates."""
    shares = {
        Rate(line.name, line.mode, line.basis_points): Taxed(
            line.net.amount + line.amount.amount, line.amount.amount
        )
        for line in taxes
    }
    return with_untaxed(shares, total)


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


def left_of(invoice: Document, notes: Iterable[Document]) -> Shares:
    """What is left of an invoice after these credit notes."""
    left = shares_of(invoice.taxes, invoice.total.amount)
    for note in notes:
        left = less(left, shares_of(note.taxes, note.total.amount))
    return left
