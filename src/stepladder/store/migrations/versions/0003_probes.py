"""Probes: what networks were like inside, epoch by epoch. Signs: what a trial's epochs come to.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the table and the column; the trials that are there have neither."""
    op.add_column("trials", sa.Column("signs", sa.Text, nullable=True))
    op.create_table(
        "probes",
        sa.Column(
            "trial_id", sa.Text, sa.ForeignKey("trials.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("names", sa.Text, nullable=False),
        sa.Column("input_mean", sa.Double, nullable=True),
        sa.Column("input_deviation", sa.Double, nullable=True),
        sa.Column("figures", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
    )
