"""The three kinds of error: a refusal, an outage, and a setup that cannot work. All else is a bug."""

import re
from dataclasses import dataclass, fields
from typing import Any, ClassVar, dataclass_transform

import msgspec


@dataclass_transform(kw_only_default=True)
class Refusal(Exception):  # noqa: N818  a refusal is an answer, not a fault
    """Understood, and nothing changed.

    The first sentence of a subclass's docstring is the title of the problem document (RFC 9457); all of
    it, with what to do about it, is the `detail`. Its fields become members.
    """

    status: ClassVar[int] = 400
    slug: ClassVar[str] = "refusal"
    title: ClassVar[str] = ""
    words: ClassVar[str] = ""
    # Seconds after which asking again may help.
    retry_after: ClassVar[int | None] = None

    def __init_subclass__(cls, *, status: int, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.status = status
        cls.slug = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
        cls.words = " ".join((cls.__doc__ or "").split())
        cls.title = cls.words.partition(". ")[0].rstrip(".")
        dataclass(kw_only=True, eq=False)(cls)

    @property
    def detail(self) -> str:
        """One paragraph for a person: what happened and what to do."""
        return self.words

    def members(self) -> dict[str, Any]:
        """The refusal's own fields, for the problem document."""
        # `fields` wants a dataclass; every subclass is made one above.
        return {field.name: getattr(self, field.name) for field in fields(self)}  # pyright: ignore[reportArgumentType]


class FieldError(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with the input: where (JSON pointer, RFC 6901) and why."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class InvalidInput(Refusal, status=422):
    """The input does not fit; `errors` points at each field that has to change."""

    errors: list[FieldError]


class NotFound(Refusal, status=404):
    """There is nothing here, or it is not yours to see."""


def invalid(pointer: str, detail: str) -> InvalidInput:
    """Refuse one field of the body."""
    return InvalidInput(errors=[FieldError(pointer=pointer, detail=detail)])


@dataclass
class Unavailable(Exception):  # noqa: N818  the field's word for a 503
    """Not now: nothing was decided, the same request may succeed later."""

    detail: str = "The service is busy or a part of it is away. Try again shortly."
    retry_after: int = 1


class SetupError(Exception):
    """This installation cannot work as it is; the message is one sentence that says what to do."""
