"""What somebody who has only the API document must know beside its operations."""

from pathlib import Path

from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, License, SecurityScheme, Tag

from boxoffice import __version__
from boxoffice.kit.api_document import ApiDocument

GUIDE = Path(__file__).with_suffix(".md").read_text("utf-8").strip()


def describe_api() -> OpenAPIConfig:
    """The frame of the API document; operations and schemas are taken from the routes."""
    return OpenAPIConfig(
        title="Boxoffice",
        version=__version__,
        description=GUIDE,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        components=Components(
            security_schemes={
                "access_token": SecurityScheme(
                    type="http",
                    scheme="bearer",
                    bearer_format="JWT",
                    description=(
                        "The `access_token` that login and refresh answer with, or an API key (`bxo_...`), "
                        "for what it may do at its organizer's events."
                    ),
                )
            }
        ),
        tags=[
            Tag(name="Accounts", description="Register, log in, stay logged in."),
            Tag(name="Team", description="Let others work on your events: people, programs, devices."),
            Tag(name="Catalog", description="Venues, seat maps and events."),
            Tag(name="Channels", description="Sell with a key: presales, resellers."),
            Tag(name="Blocks", description="Keep places: house seats, kills, allotments."),
            Tag(name="Promo codes", description="Sell for less to those who know a word."),
            Tag(name="Questions", description="Ask those who book; answer before paying."),
            Tag(name="Bookings", description="Hold places, look, cancel."),
            Tag(name="Payments", description="Pay for a booking; hear from the provider."),
            Tag(name="Payouts", description="What the house owes and pays to organizers."),
            Tag(name="Invoices", description="What was paid, with its taxes, numbered without gaps."),
            Tag(name="Tickets", description="See, show and scan tickets."),
            Tag(name="Operations", description="For those who keep it running."),
        ],
        path="/schema",
        render_plugins=[ApiDocument(path="/openapi.json")],
        use_handler_docstrings=True,
    )
