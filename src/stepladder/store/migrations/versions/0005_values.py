"""Values: what a regression answers, and probabilities of several labels, of each test example.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Makes the column; the trials that are there answer with classes."""
    op.add_column("trials", sa.Column("test_values", sa.LargeBinary, nullable=True))
