"""Measures: any metric on any part, what a training reported, and values of single examples.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Makes the columns; the trials that are there have neither."""
    op.add_column("trials", sa.Column("measures", sa.Text, nullable=True))
    op.add_column("trials", sa.Column("per_example", sa.LargeBinary, nullable=True))
