"""QR codes of ticket codes: SVG for screens and print, PNG for whatever cannot show SVG."""

from enum import StrEnum
from io import BytesIO

import segno

# M mends 15 % of the symbol. Q would mend 25 % but needs 49 modules a side instead of 41, and on a
# phone's screen the size of a module decides how fast a scanner reads it.
_ERROR_LEVEL = "m"

# The quiet zone that the standard asks for, in modules.
QUIET_MODULES = 4

# 49 modules with the quiet zone: 392 pixels a side, sharp on a phone.
_PNG_PIXELS_PER_MODULE = 8


class QrFormat(StrEnum):
    """Spelled as in file names, because that is where people know them from."""

    SVG = "svg"
    PNG = "png"

    @property
    def media_type(self) -> str:
        """For Content-Type and Accept."""
        return "image/svg+xml" if self is QrFormat.SVG else "image/png"


def make_qr(code: str) -> segno.QRCode:
    """Lay the modules out; about 5 ms of Python."""
    return segno.make_qr(code, error=_ERROR_LEVEL, mode="alphanumeric", boost_error=False)


def draw_qr(code: str, image_format: QrFormat) -> bytes:
    """Draw the code black on white; an SVG scales to wherever it is put. Some milliseconds of CPU."""
    drawn = BytesIO()
    qr = make_qr(code)
    if image_format is QrFormat.SVG:
        qr.save(drawn, kind="svg", border=QUIET_MODULES, light="white", omitsize=True, title="Ticket")
    else:
        qr.save(drawn, kind="png", border=QUIET_MODULES, scale=_PNG_PIXELS_PER_MODULE)
    return drawn.getvalue()
