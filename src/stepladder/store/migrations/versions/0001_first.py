"""The first schema: trials with their epochs, studies, looks.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# Spelled out rather than taken from schema.py, which moves on while this revision stays.


def _measured(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Double, nullable=True) for name in names]


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _whole(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "trials",
        sa.Column("id", sa.Text, primary_key=True),
        *_text("recipe", "dataset"),
        *_whole("validation", "seed", "replicate"),
        *_text("engine"),
        *_whole("numerics", "epochs"),
        *_measured("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"),
        *_measured("test_loss", "test_accuracy"),
        sa.Column("diverged", sa.BigInteger, nullable=True),
        *_whole("parameters"),
        *_measured("seconds"),
        *_text("versions"),
        *_whole("n_test"),
        sa.Column("test_correct", sa.LargeBinary, nullable=False),
        sa.Column("test_predictions", sa.LargeBinary, nullable=False),
        *_text("created_at"),
    )
    op.create_table(
        "epochs",
        sa.Column(
            "trial_id", sa.Text, sa.ForeignKey("trials.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
        *_measured("train_loss", "train_accuracy", "val_loss", "val_accuracy"),
        *_measured("val_commonest", "seconds"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "studies",
        sa.Column("name", sa.Text, primary_key=True),
        *_text("definition", "dataset", "fingerprint", "sizes", "classes", "versions", "machine"),
        sa.Column("seconds", sa.Double, nullable=False),
        *_text("created_at", "updated_at"),
    )
    op.create_table(
        "looks",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        *_text("study", "fingerprint", "digest"),
        *_whole("trials"),
        *_text("command", "at"),
        sa.UniqueConstraint("fingerprint", "digest", name="looks_fingerprint_digest"),
    )
