"""The tables of a store, as its newest revision has them; migrations/ leads up to them."""

from __future__ import annotations

import sqlalchemy as sa

from stepladder.store.rows import CURVE_FIELDS

REVISIONS = ("0001", "0002", "0003")
"""Every revision, oldest first; kept beside Alembic's files so that opening need not load it."""

VERSION_TABLE = "stepladder_version"
"""A name of our own, so that a database of another program that uses Alembic is not ours."""

metadata = sa.MetaData()


def _measured(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=True)  # NULL is NaN


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


trials = sa.Table(
    "trials",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("recipe"),
    _text("dataset"),
    _whole("validation"),
    _whole("seed"),
    _whole("replicate"),
    _text("engine"),
    _whole("numerics"),
    _whole("epochs"),
    _measured("train_loss"),
    _measured("train_accuracy"),
    _measured("validation_loss"),
    _measured("validation_accuracy"),
    _measured("test_loss"),
    _measured("test_accuracy"),
    sa.Column("diverged", sa.BigInteger, nullable=True),
    _whole("parameters"),
    _measured("seconds"),
    _text("versions"),
    _whole("n_test"),
    sa.Column("test_correct", sa.LargeBinary, nullable=False),
    sa.Column("test_predictions", sa.LargeBinary, nullable=False),
    _text("created_at"),
    sa.Column("digest", sa.Text, nullable=True),  # NULL in rows that revision 0001 wrote
    sa.Column("epochs_digest", sa.Text, nullable=True),
    sa.Column("signs", sa.Text, nullable=True),  # NULL in rows of revisions before 0003
)

epochs = sa.Table(
    "epochs",
    metadata,
    sa.Column(
        "trial_id", sa.Text, sa.ForeignKey("trials.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
    *(_measured(name) for name in CURVE_FIELDS),
    sqlite_with_rowid=False,  # a trial's epochs lie together and its id is not indexed twice
)

probes = sa.Table(
    "probes",
    metadata,
    sa.Column(
        "trial_id", sa.Text, sa.ForeignKey("trials.id", ondelete="CASCADE"), primary_key=True
    ),
    _text("names"),
    _measured("input_mean"),
    _measured("input_deviation"),
    sa.Column("figures", sa.LargeBinary, nullable=False),
    _text("digest"),
)

studies = sa.Table(
    "studies",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    _text("definition"),
    _text("dataset"),
    _text("fingerprint"),
    _text("sizes"),
    _text("classes"),
    _text("versions"),
    _text("machine"),
    sa.Column("seconds", sa.Double, nullable=False),
    _text("created_at"),
    _text("updated_at"),
)

looks = sa.Table(
    "looks",
    metadata,
    # SQLite numbers rows only where the type is INTEGER and nothing else.
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    _text("study"),
    _text("fingerprint"),
    _text("digest"),
    _whole("trials"),
    _text("command"),
    _text("at"),
    sa.UniqueConstraint("fingerprint", "digest", name="looks_fingerprint_digest"),
)

drivers = sa.Table(
    "drivers",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("place"),
    _text("process"),
    _whole("beat"),
    _text("started_at"),
)

claims = sa.Table(
    "claims",
    metadata,
    sa.Column("trial_id", sa.Text, primary_key=True),  # of a trial that is not there yet
    sa.Column(
        "driver_id",
        sa.Text,
        sa.ForeignKey("drivers.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
)
