"""Claims: which driver is about to train which trial. Digests: what a row was when it was stored.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def upgrade() -> None:
    """Makes the tables and the columns."""
    op.add_column("trials", sa.Column("digest", sa.Text, nullable=True))
    op.add_column("trials", sa.Column("epochs_digest", sa.Text, nullable=True))
    op.create_table(
        "drivers",
        sa.Column("id", sa.Text, primary_key=True),
        *_text("place", "process"),
        sa.Column("beat", sa.BigInteger, nullable=False),
        *_text("started_at"),
    )
    op.create_table(
        "claims",
        sa.Column("trial_id", sa.Text, primary_key=True),
        sa.Column(
            "driver_id",
            sa.Text,
            sa.ForeignKey("drivers.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
    )
