"""HTTP of the inventory: what is still to be had, and what happened."""

from litestar.types import ControllerRouterHandler

from boxoffice.inventory.answers import api as answers
from boxoffice.inventory.availability import api as availability
from boxoffice.inventory.blocks import api as blocks
from boxoffice.inventory.duplicates import api as duplicates
from boxoffice.inventory.journal import api as journal
from boxoffice.inventory.policies import api as policies
from boxoffice.inventory.promo_codes import api as promo_codes
from boxoffice.inventory.seat_map_changes import api as seat_map_changes
from boxoffice.inventory.series import api as series

routes: list[ControllerRouterHandler] = [
    *answers.routes,
    *availability.routes,
    *blocks.routes,
    *duplicates.routes,
    *journal.routes,
    *policies.routes,
    *promo_codes.routes,
    *seat_map_changes.routes,
    *series.routes,
]
