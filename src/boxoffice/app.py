"""The web application: every part is made here and handed to the routes that need it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Router, get
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from boxoffice import __version__
from boxoffice.accounts import api as accounts
from boxoffice.booking import api as booking
from boxoffice.catalog import api as catalog
from boxoffice.kit import metrics
from boxoffice.kit.docs_page import DOCS_ROUTES
from boxoffice.kit.health import get_live, get_ready
from boxoffice.kit.http import BODY_BYTES_MAX, EveryRequest, StrictBody
from boxoffice.kit.logs import configure_logs
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import EXCEPTION_HANDLERS, explain_problem
from boxoffice.kit.settings import Settings
from boxoffice.migrations import latest_version
from boxoffice.payments import api as payments
from boxoffice.tickets import api as tickets
