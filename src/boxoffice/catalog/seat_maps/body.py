"""The body of a seat map import: handed on as it came, because it may have one of two shapes."""

from typing import Any

from litestar.typing import FieldDefinition

from boxoffice.catalog.seat_maps.shapes import NewSeatMap, SeatingPlan
from boxoffice.kit.http import StrictBody, refuse_other_kinds


class SeatMapBody(StrictBody):
    """Leaves the reading to a thread: a large hall takes a tenth of a second."""

    @classmethod
    def is_supported_model_type_field(cls, field_definition: FieldDefinition) -> bool:
        return field_definition.name == "data"

    @classmethod
    def create_for_field_definition(
        cls, field_definition: FieldDefinition, handler_id: str, backend_cls: Any = None
    ) -> None:
        """There is nothing to prepare."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Any:
        return schema_creator.for_field_definition(FieldDefinition.from_annotation(NewSeatMap | SeatingPlan))

    def decode_bytes(self, value: bytes) -> bytes:
        refuse_other_kinds(self.asgi_connection.scope)
        return value
