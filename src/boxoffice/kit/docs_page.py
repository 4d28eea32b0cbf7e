"""The documentation page at /docs: Swagger UI from a wheel, so that it works without internet."""

from importlib.resources import files

from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from boxoffice.kit.errors import NotFound

# Nothing is loaded from another host, whatever the bundle would like: the page works without internet
# and tells nobody who reads it. The bundle writes style attributes; it needs no inline script.
_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)

_FILES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><title>Boxoffice API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/docs/swagger-ui/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui/swagger-ui.css">
<style>body { margin: 0 }</style>
</head>
<body>
<div id="docs"></div>
<script src="/docs/swagger-ui/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""

# Without a validator's address Swagger UI would ask one on the internet.
_START = """SwaggerUIBundle({
  url: "/schema",
  dom_id: "#docs",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
"""


@get("/", include_in_schema=False, sync_to_thread=False)
def get_root() -> Redirect:
    """Send whoever opens the bare address where it is explained."""
    return Redirect("/docs")


@get("/docs", include_in_schema=False, sync_to_thread=False)
def get_docs() -> Response[str]:
    """Show the page."""
    return Response(_PAGE, media_type=MediaType.HTML, headers={"Content-Security-Policy": _POLICY})


@get("/docs/start.js", include_in_schema=False, sync_to_thread=False)
def get_docs_start() -> Response[str]:
    """Serve the page's own line of script."""
    return Response(_START, media_type="text/javascript")


@get("/docs/swagger-ui/{name:str}", include_in_schema=False, sync_to_thread=True)
def get_docs_file(name: FromPath[str]) -> Response[bytes]:
    """Serve one of the page's own files."""
    if name not in _FILES:
        raise NotFound
    content = files("swagger_ui").joinpath("static", name).read_bytes()
    return Response(content, media_type=_FILES[name], headers={"Cache-Control": "public, max-age=86400"})


DOCS_ROUTES: list[HTTPRouteHandler] = [get_root, get_docs, get_docs_start, get_docs_file]
