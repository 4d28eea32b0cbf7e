"""How what goes back is shared out over the rates of tax that it was paid with. Pure.

What is left of a booking's money is counted down by its refunds, rate by rate, so that however it goes back,
in parts or at once, all of it has all of the tax. The ledger moves the tax of a refund, and its credit note
says it, by the one share that is kept with the refund (docs/money.md).
"""

from collections.abc import Sequence

import msgspec

from boxoffice.catalog.prices.pricing import Levies, TaxLevy, total_of
from boxoffice.catalog.prices.tariff import FeeMode, TaxMode
from boxoffice.inventory.parting import Part
from boxoffice.kit.money import split


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


_NOTHING = Taxed(0, 0)

Shares = dict[Rate, Taxed]


class Returned(msgspec.Struct, frozen=True):
    """What went back: single places (`part`), or an amount. Without `shares` it was before they were kept."""

    amount: int
    part: Part | None = None
    shares: list[tuple[Rate, Taxed]] | None = None


class Paid:
    """What was paid for a booking, and what is `left` of it; counted down refund by refund.

    Its places cost `total` now and bear `fees`; `taxes` is what the ledger still has of the tax.
    """

    def __init__(
        self,
        paid: Sequence[Shares],
        returned: Sequence[Returned],
        *,
        total: int = 0,
        fees: int = 0,
        moved: int = 0,
    ) -> None:
        """What its places have cost, in whatever parts, what went back, the oldest first, and its tax."""
        self.left: Shares = {}
        for shares in paid:
            self.left = _more(self.left, shares)
        self.total, self.fees, self.taxes = total, fees, tax_of(self.left) - moved
        for each in returned:
            if each.shares is None:
                self.take(each.amount, each.part)
            else:
                self.left = less(self.left, dict(each.shares))

    def take(self, amount: int, part: Part | None = None) -> Shares:
        """So much goes back, for these places or for nothing in particular."""
        wanted = self.left if part is None else shares_of_places(part.amounts, part.levies)
        shares = share_of(amount, wanted, self.left)
        self.left = less(self.left, shares)
        return shares


def taxed_of(amounts: Sequence[int], levies: Levies | None, tax: TaxLevy) -> Taxed:
    """What the places with this tax cost: their prices and those added fees that are taxed, and the tax."""
    bearing = [index for index, amount in enumerate(tax.amounts) if amount is not None]
    gross = sum(
        amounts[index]
        + sum(
            each.amounts[index] or 0
            for each in (levies.fees if levies else ())
            if each.fee.mode is FeeMode.ADDED and each.fee.is_taxed
        )
        for index in bearing
    )
    return Taxed(gross + tax.sum if tax.tax.mode is TaxMode.ADDED else gross, tax.sum)


def shares_of_places(amounts: Sequence[int], levies: Levies | None) -> Shares:
    """What these places cost by its rates."""
    shares = {
        Rate(levy.tax.name, levy.tax.mode, levy.tax.basis_points): taxed_of(amounts, levies, levy)
        for levy in (levies.taxes if levies else ())
    }
    return with_untaxed(shares, total_of(amounts, levies))


def with_untaxed(shares: Shares, total: int) -> Shares:
    """These, and what is left of the total after them: it bears no tax."""
    untaxed = total - sum(share.gross for share in shares.values())
    return shares | {UNTAXED: Taxed(untaxed, 0)} if untaxed else shares


def share_of(amount: int, wanted: Shares, left: Shares) -> Shares:
    """What is wanted if it is the amount and is left, or else the amount, shared out."""
    if amount == sum(share.gross for share in wanted.values()) and fits(wanted, left):
        return wanted
    return share_out(amount, wanted, left)


def fits(wanted: Shares, left: Shares) -> bool:
    """Whether all that is wanted is left, at each rate."""
    return all(
        share.gross <= left.get(rate, _NOTHING).gross and share.tax <= left.get(rate, _NOTHING).tax
        for rate, share in wanted.items()
    )


def share_out(amount: int, wanted: Shares, left: Shares) -> Shares:
    """An amount in proportion to what it is for, but of no rate more than is left of it.

    Of the tax goes back the share that the amount is of what is left at its rate, half a minor unit rounded
    up; the last of an amount takes the last of its tax. The amount is no more than is left altogether. In
    whatever order the rates are named, each has the same.
    """
    rates = sorted(left, key=msgspec.structs.astuple)
    weights = {rate: wanted.get(rate, _NOTHING).gross for rate in rates}
    if not any(weights.values()):
        weights = {rate: left[rate].gross for rate in rates}
    parts = dict(zip(weights, split(amount, list(weights.values())), strict=True))
    given = {rate: min(part, left[rate].gross) for rate, part in parts.items()}
    over = amount - sum(given.values())
    if over:
        room = [left[rate].gross - part for rate, part in given.items()]
        given = {
            rate: part + more for (rate, part), more in zip(given.items(), split(over, room), strict=True)
        }
    return {rate: Taxed(given[rate], _tax_in(given[rate], of)) for rate, of in left.items() if given[rate]}


def tax_of(shares: Shares) -> int:
    """The tax in it, at all rates together."""
    return sum(share.tax for share in shares.values())


def less(left: Shares, gone: Shares) -> Shares:
    """What is left once this is gone."""
    return _more(left, {rate: Taxed(-share.gross, -share.tax) for rate, share in gone.items()})


def encode_shares(shares: Shares) -> str:
    """The text of a refund's row."""
    return msgspec.json.encode(list(shares.items())).decode()


def decode_shares(text: str) -> Shares:
    """Read a row's text back."""
    return dict(_decoder.decode(text))


_decoder = msgspec.json.Decoder(list[tuple[Rate, Taxed]])


def _tax_in(part: int, of: Taxed) -> int:
    return of.tax if part >= of.gross else (2 * of.tax * part + of.gross) // (2 * of.gross)


def _more(shares: Shares, others: Shares) -> Shares:
    return shares | {
        rate: Taxed(
            shares.get(rate, _NOTHING).gross + share.gross, shares.get(rate, _NOTHING).tax + share.tax
        )
        for rate, share in others.items()
    }
