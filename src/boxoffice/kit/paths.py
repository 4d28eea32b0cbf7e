"""What stands in the paths of many routes."""

from typing import Annotated

from litestar.params import PathParameter

from boxoffice.kit.ids import EVENT_ID_MAX

# Litestar heeds only its own markers on a parameter, not the bounds of a msgspec `Meta`.
EventIdInPath = Annotated[int, PathParameter(ge=1, le=EVENT_ID_MAX)]
