"""`stepladder bench` measures, prints and leaves nothing behind; no figure is judged."""

import json


def test_bench_measures_everything_once(stepladder):
    before = sorted(stepladder.folder.rglob("*"))
    done = stepladder("bench", "--tiny", "--workers", "1", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Measuring ") == 4
    told = json.loads(done.stdout)
    assert [timing["name"] for timing in told["timings"]] == [
        "keras.Model.fit",
        "stepladder, own data order",
        "stepladder, shared data order",
    ]
    assert [timing["trials"] for timing in told["timings"]] == [1, 1, 2]
    for timing in told["timings"]:
        assert 0 < timing["seconds"] < timing["first_epoch"]
    assert set(told["floor"]["rates"]) == {"jax", "numpy"}
    assert all(len(rates) == 1 for rates in told["floor"]["rates"].values())
    assert sorted(stepladder.folder.rglob("*")) == before
