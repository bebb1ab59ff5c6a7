"""Run by Alembic, and by nothing else: applies revisions on the connection that it is handed."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
)
context.run_migrations()  # within the caller's transaction: a revision is applied whole or not
