"""HTTP of the images of events."""

from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Request, Response, delete, get, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.params import PathParameter
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.catalog import event_tags
from boxoffice.catalog.event_changes import EventHasChanged, EventIsCancelled
from boxoffice.catalog.event_tags import IfMatch
from boxoffice.catalog.images import event_image
from boxoffice.catalog.images.encoder import Encoder, NotAnImage
from boxoffice.catalog.images.sizes import ImageFormat
from boxoffice.catalog.images.upload import UPLOAD_BYTES_MAX, UPLOAD_REFUSALS, read_upload
from boxoffice.catalog.ownership import refuse_foreign
from boxoffice.catalog.schemas import Event
from boxoffice.kit.errors import InvalidInput, NotFound
from boxoffice.kit.files import Files
from boxoffice.kit.paths import EventIdInPath
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import documents

# A newline at the end would pass `$`; no file is called so, and no store is asked for it.
_ImageHash = Annotated[str, PathParameter(pattern="^[0-9a-f]{64}$", min_length=64, max_length=64)]
_ImageFile = Annotated[str, PathParameter(pattern=r"^\d{3,4}\.(webp|jpg)$", max_length=9)]

_ORGANIZER = (NotSignedIn, NotAllowed, NotFound)

# What is under a hash never changes, so whoever has it need not ask again for a year, the longest that
# caches promise to keep anything.
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass
class _TakesAFile(Operation):
    """Litestar describes the bodies that it reads itself; this one is read as it comes in."""

    def __post_init__(self) -> None:
        image = Schema(
            type=OpenAPIType.STRING,
            format=OpenAPIFormat.BINARY,
            description="A PNG, JPEG, WebP or AVIF that stands still.",
        )
        form = Schema(type=OpenAPIType.OBJECT, properties={"image": image}, required=["image"])
        self.request_body = RequestBody({"multipart/form-data": OpenAPIMediaType(schema=form)}, required=True)


@dataclass
class _ShowsTwoFormats(Operation):
    """Litestar describes one media type a status; this operation answers 200 with either of two."""

    def __post_init__(self) -> None:
        assert self.responses is not None
        answer = self.responses["200"]
        assert isinstance(answer, OpenAPIResponse)
        assert answer.content is not None
        answer.content[ImageFormat.JPEG.media_type] = answer.content[ImageFormat.WEBP.media_type]


@put(
    "/events/{event_id:int}/image",
    operation_id="PutEventImage",
    operation_class=_TakesAFile,
    request_max_body_size=UPLOAD_BYTES_MAX,
    summary="Give an event an image",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(
        *_ORGANIZER, *UPLOAD_REFUSALS, NotAnImage, InvalidInput, EventIsCancelled, EventHasChanged
    ),
)
async def put_image(
    request: Request[Any, Any, Any],
    event_id: EventIdInPath,
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    files: NamedDependency[Files],
    encoder: NamedDependency[Encoder],
    if_match: IfMatch = None,
) -> Response[Event]:
    """Give an event of yours this image, instead of the one it may have. With `If-Match`, nobody's is lost.

    It is made anew from its pixels, upright and in sRGB, in a few sizes as WebP and JPEG: what else was
    in the file, such as where it was taken, is not kept. The files of an image never change and are
    cached for ever; another image has other addresses, and the old ones end after an hour.
    """
    await refuse_foreign(db, user, event_id)
    with encoder.place():
        upload = await read_upload(request)
        event = await event_image.put_image(db, files, encoder, user, event_id, upload, if_match)
    return Response(event, headers=event_tags.headers_of(event))


@delete(
    "/events/{event_id:int}/image",
    operation_id="DeleteEventImage",
    summary="Take an event's image away",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER, EventHasChanged),
)
async def delete_image(
    event_id: EventIdInPath,
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    if_match: IfMatch = None,
) -> None:
    """Have an event of yours without an image. Its files are removed at once; caches may still have them."""
    await event_image.delete_image(db, user, event_id, if_match)


@get(
    "/events/{event_id:int}/image/{image_hash:str}/{image_file:str}",
    operation_id="GetEventImage",
    operation_class=_ShowsTwoFormats,
    summary="Get an image of an event",
    tags=["Catalog"],
    responses={
        200: ResponseSpec(
            bytes,
            description="The image, as WebP or JPEG.",
            media_type=ImageFormat.WEBP.media_type,  # pyright: ignore[reportArgumentType]  any string is allowed
            generate_examples=False,
        ),
        304: ResponseSpec(None, description="You have it already."),
        **documents(NotFound),
    },
)
async def get_image(
    request: Request[Any, Any, Any],
    event_id: EventIdInPath,
    image_hash: _ImageHash,
    image_file: _ImageFile,
    files: NamedDependency[Files],
) -> Response[bytes | None]:
    """Show a file of an event's image to whoever knows its address, which the event's document has.

    The hash in it cannot be guessed, not even by somebody who has the picture: the image of a draft is
    seen only by those who were told its address.
    """
    headers = {"ETag": f'"{image_hash}-{image_file}"', "Cache-Control": _FOR_EVER}
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    found = await event_image.get_file(files, event_id, image_hash, image_file)
    if headers["ETag"] in known:
        return Response(None, status_code=304, headers=headers)
    return Response(found.content, headers=headers, media_type=found.media_type)


routes: list[ControllerRouterHandler] = [put_image, delete_image, get_image]
