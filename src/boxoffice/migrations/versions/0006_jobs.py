"""Background jobs: PgQueuer's own tables, as the pinned version of the library makes them."""

from operator import methodcaller
from typing import Any

from alembic import context, op
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    script = QueryBuilderEnvironment().build_install_query(create_schema=False)
    if context.is_offline_mode():
        op.execute(script)
        return
    # Many statements in one string go through the simple protocol only.
    connection: Any = op.get_bind().connection.dbapi_connection
    connection.run_async(methodcaller("execute", script))
