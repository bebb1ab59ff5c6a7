"""`stepladder bench` measures, prints and leaves nothing behind; no figure is judged."""

import json
import os
import select
import signal

import pytest


@pytest.mark.slow
def test_bench_measures_everything_once(stepladder):
    before = sorted(stepladder.folder.rglob("*"))
    done = stepladder("bench", "--tiny", "--workers", "1", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Measuring ") == 3
    value = json.loads(done.stdout)
    assert [timing["name"] for timing in value["timings"]] == ["keras.Model.fit", "stepladder"]
    assert [timing["trials"] for timing in value["timings"]] == [1, 2]
    for timing in value["timings"]:
        assert 0 < timing["seconds"] < timing["first_epoch"]
    assert set(value["floor"]["rates"]) == {"jax", "numpy"}
    assert all(len(rates) == 1 for rates in value["floor"]["rates"].values())
    assert sorted(stepladder.folder.rglob("*")) == before


def test_bench_ends_what_it_started_when_it_is_stopped(stepladder):
    process = stepladder.start("bench")
    assert "Measuring " in process.stderr.readline()
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        while not (children := file.read().split()):
            file.seek(0)
    handles = [os.pidfd_open(int(child)) for child in children]
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.endswith("Interrupted.\n"), "nothing is stored, and no command goes on"
    assert "Traceback" not in err
    for handle in handles:
        assert select.select([handle], [], [], 30)[0], "a process of its own is left running"
        os.close(handle)
