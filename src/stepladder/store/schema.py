"""The tables of a store, as its newest revision has them; migrations/ leads up to them."""

import sqlalchemy as sa

from stepladder.store.rows import CURVE_FIELDS

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
"""Every revision, oldest first; copied from Alembic's files, so that opening need not load it."""

VERSION_TABLE = "stepladder_version"
"""A name of our own, so that a database of another program that uses Alembic is not ours."""

metadata = sa.MetaData()


def _key(name: str, *constraints: sa.ForeignKey) -> sa.Column[str]:
    return sa.Column(name, sa.Text, *constraints, primary_key=True)


def _text(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _integer(name: str, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _float(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=True)  # NULL is NaN


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def _trial() -> sa.ForeignKey:
    return sa.ForeignKey("trials.id", ondelete="CASCADE")


trials = sa.Table(
    "trials",
    metadata,
    _key("id"),
    *map(_text, ("recipe", "dataset")),
    *map(_integer, ("validation", "seed", "replicate")),
    _text("engine"),
    *map(_integer, ("numerics", "epochs")),
    *map(_float, ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")),
    *map(_float, ("test_loss", "test_accuracy")),
    _integer("diverged", nullable=True),
    _integer("parameters"),
    _float("seconds"),
    _text("versions"),
    _integer("n_test"),
    *map(_bytes, ("test_correct", "test_predictions")),
    _text("created_at"),
    _text("digest", nullable=True),  # NULL in rows that revision 0001 wrote
    _text("epochs_digest", nullable=True),
    _text("signs", nullable=True),  # NULL in rows of revisions before 0003
    _text("measures", nullable=True),  # NULL where there are none
    sa.Column("per_example", sa.LargeBinary, nullable=True),
    sa.Column("test_values", sa.LargeBinary, nullable=True),
)

epochs = sa.Table(
    "epochs",
    metadata,
    _key("trial_id", _trial()),
    sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
    *map(_float, CURVE_FIELDS),
    sqlite_with_rowid=False,  # a trial's epochs lie together and its id is not indexed twice
)

probes = sa.Table(
    "probes",
    metadata,
    _key("trial_id", _trial()),
    _text("names"),
    *map(_float, ("input_mean", "input_deviation")),
    _bytes("figures"),
    _text("digest"),
)

studies = sa.Table(
    "studies",
    metadata,
    _key("name"),
    *map(_text, ("definition", "dataset", "fingerprint", "sizes", "classes", "versions")),
    _text("machine"),
    sa.Column("seconds", sa.Double, nullable=False),
    *map(_text, ("created_at", "updated_at")),
)

looks = sa.Table(
    "looks",
    metadata,
    # SQLite numbers rows only where the type is INTEGER and nothing else.
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    *map(_text, ("study", "fingerprint", "digest")),
    _integer("trials"),
    *map(_text, ("command", "at")),
    sa.UniqueConstraint("fingerprint", "digest", name="looks_fingerprint_digest"),
)

judgements = sa.Table(
    "judgements",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    *map(_text, ("study", "fingerprint", "digest", "facts", "command", "at")),
    sa.UniqueConstraint("study", "fingerprint", "digest", name="judgements_study_digest"),
)

drivers = sa.Table(
    "drivers",
    metadata,
    _key("id"),
    *map(_text, ("place", "process")),
    _integer("beat"),
    _text("started_at"),
)

claims = sa.Table(
    "claims",
    metadata,
    _key("trial_id"),  # of a trial that is not stored yet
    sa.Column(
        "driver_id",
        sa.Text,
        sa.ForeignKey("drivers.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
)
