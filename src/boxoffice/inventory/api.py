"""HTTP of the inventory: what is still to be had, and what happened."""

from litestar.types import ControllerRouterHandler

routes: list[ControllerRouterHandler] = []
