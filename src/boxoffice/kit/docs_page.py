"""The documentation page at /docs: Swagger UI from a wheel, so that it works without internet."""

from importlib.resources import files

from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from boxoffice.kit.errors import NotFound

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
<script>
SwaggerUIBundle({ url: "/schema", dom_id: "#docs", deepLinking: true, tryItOutEnabled: true });
</script>
</body>
</html>
"""


@get("/docs", media_type=MediaType.HTML, include_in_schema=False, sync_to_thread=False)
def get_docs() -> str:
    """Show the page."""
    return _PAGE


@get("/docs/swagger-ui/{name:str}", include_in_schema=False, sync_to_thread=True)
def get_docs_file(name: FromPath[str]) -> Response[bytes]:
    """Serve one of the page's own files."""
    if name not in _FILES:
        raise NotFound
    content = files("swagger_ui").joinpath("static", name).read_bytes()
    return Response(content, media_type=_FILES[name], headers={"Cache-Control": "public, max-age=86400"})


DOCS_ROUTES: list[HTTPRouteHandler] = [get_docs, get_docs_file]
