"""What the tests of faults share: a study's words, and what must hold when all is over."""

from watching import figures

from stepladder.store import open_store
from stepladder.store.maintenance import check_store

RUN = "runs/small"


def study(epochs, *words):
    return ("run", "study.toml", "--epochs", str(epochs), *words)


def assert_sound(stepladder, words, uninterrupted, run=RUN, url=None):
    """The study is finished, as if nothing had happened, and nothing was left lying about."""
    place = stepladder.folder / run
    found = stepladder.results(run, *(["--store", url] if url else []))
    assert figures(found) == uninterrupted(words)
    address = url or place / "stepladder.db"
    with open_store(address, create=False) as store:
        seen = check_store(store)
        assert seen.faults == ()
        assert len(seen.trials) == sum(arm["n"] for arm in found["arms"])
        assert store.drivers() == []
    names = {file.name for file in place.iterdir()}
    known = {"study.toml", "store.json", "stepladder.db", "report.html", "results.json", "figures"}
    assert names <= known
    assert not [file for file in place.rglob(".*")]
