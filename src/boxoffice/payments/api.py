"""HTTP of this domain."""

from litestar.types import ControllerRouterHandler

routes: list[ControllerRouterHandler] = []
