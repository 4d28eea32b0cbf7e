"""Alembic's entry: runs the versions on the connection `boxoffice.migrations` hands over."""

from alembic import context

connection = context.config.attributes.get("connection")
if context.is_offline_mode():
    context.configure(dialect_name="postgresql", literal_binds=True)
else:
    context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
