"""Messages: what is sent is received, and a broken pipe is an end, not a crash."""

import io

import numpy as np
import pytest
from example_run import finished

from stepladder.study.recipe import Recipe
from stepladder.training.groups import Group, Stage
from stepladder.training.messages import receive_message, send_message
from stepladder.trials.trial import Trial

GROUP = Group((Trial(Recipe(hidden=[3]), "d", 10, 0, 0),), 2, stages=(Stage(2, 5),), saves_end=True)


def test_groups_and_results_arrive_as_they_were_and_in_order():
    stream, result = io.BytesIO(), finished(GROUP.trials[0], 0.5)
    send_message(stream, {"kind": "group", "group": GROUP})
    send_message(stream, {"kind": "result", "result": result})
    stream.seek(0)
    assert receive_message(stream) == {"kind": "group", "group": GROUP}
    received = receive_message(stream)["result"]
    assert received.trial == result.trial
    assert received.trial.id == result.trial.id
    assert np.array_equal(received.curve.val_loss, result.curve.val_loss)
    assert receive_message(stream) is None


@pytest.mark.parametrize("sent", [0, 1, 8, 20, -1])
def test_a_message_cut_short_is_an_end(sent):
    stream = io.BytesIO()
    send_message(stream, {"kind": "group", "group": GROUP, "more": np.arange(100)})
    assert receive_message(io.BytesIO(stream.getvalue()[:sent])) is None
