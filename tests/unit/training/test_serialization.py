"""Frames: what is sent is received, and a broken pipe is an end, not a crash."""

import io

import numpy as np
import pytest

from stepladder.training.serialization import receive, send

ARRAYS = {
    "none": np.zeros((0, 3), np.float32),
    "scalar": np.array(2.5),
    "images": np.arange(24, dtype=np.uint8).reshape(2, 3, 4)[:, ::-1],
    "flags": np.array([True, False]),
    "odd": np.array([np.nan, -0.0, np.inf]),
}


def test_frames_come_back_as_they_went_and_in_order():
    stream = io.BytesIO()
    send(stream, {"kind": "é", "n": 1}, ARRAYS)
    send(stream, {"kind": "second"})
    stream.seek(0)
    header, arrays = receive(stream)
    assert header == {"kind": "é", "n": 1}
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert arrays[name].tobytes() == array.tobytes()
    assert receive(stream) == ({"kind": "second"}, {})
    assert receive(stream) is None


@pytest.mark.parametrize("kept", [1, 8, 20, -1])
def test_a_frame_cut_short_is_an_end(kept):
    stream = io.BytesIO()
    send(stream, {"kind": "x"}, ARRAYS)
    assert receive(io.BytesIO(stream.getvalue()[:kept])) is None


def test_objects_are_never_sent():
    with pytest.raises(ValueError, match="must hold numbers"):
        send(io.BytesIO(), {}, {"bad": np.array([object()])})
