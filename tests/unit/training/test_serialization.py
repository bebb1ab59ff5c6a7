"""Frames: what is sent is received, and a broken pipe is an end, not a crash."""

import hashlib
import io
import json
import os
import struct

import numpy as np
import pytest

from stepladder.training.serialization import MAGIC, Checkpoint, read, receive, send, write

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


# --- files: a damaged one is never used, and never more than a reason not to use it --------------


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "state"
    write(file, Checkpoint(("id",), 3, {"seconds": 1.5}, {"a": np.arange(4.0)}), {"jax": "1"})
    return file


@pytest.mark.parametrize("with_arrays", [True, False])
def test_whichever_byte_of_a_file_is_altered_it_is_damaged(file, with_arrays):
    content = file.read_bytes()
    for place in range(len(content)):
        for altered in (content[place] ^ 1, content[place] ^ 128):
            file.write_bytes(content[:place] + bytes([altered]) + content[place + 1 :])
            assert read(file, with_arrays) == (None, "is damaged")
    for end in range(len(content)):
        file.write_bytes(content[:end])
        assert read(file, with_arrays) == (None, "is damaged")


GOOD = {"trials": ["id"], "done": 3, "more": {}, "arrays": []}


def framed(header, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text


@pytest.mark.parametrize(
    "body",
    [
        framed(GOOD, 2**63),
        framed(GOOD, 2**40),
        framed(b"[" * 100_000),
        framed(b"3"),
        framed(b"null"),
        framed(b"{}"),
        framed({**GOOD, "trials": "id"}),
        framed({**GOOD, "trials": [3]}),
        framed({**GOOD, "done": "3"}),
        framed({**GOOD, "more": [1]}),
        framed({**GOOD, "arrays": [["a", "<f8", [2**62]]]}),
        framed({**GOOD, "arrays": [["a", "O", [1]]]}) + bytes(8),
        framed({**GOOD, "arrays": [["a", "<f8", [-1]]]}),
        framed({**GOOD, "arrays": [["a", "strange", [1]]]}),
        framed({**GOOD, "arrays": 3}),
        framed({**GOOD, "arrays": [["a", "<f8", [3]]]}),
    ],
    ids=range(16),
)
def test_a_file_of_another_writer_with_a_right_digest_is_not_used(tmp_path, body):
    file = tmp_path / "state"
    file.write_bytes(MAGIC + hashlib.sha256(body).digest() + body)
    state, problem = read(file)
    assert state is None
    assert problem


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert read(tmp_path / "pipe")[1] == "cannot be read: a pipe and no regular file"
    assert read(tmp_path)[1] == "cannot be read: Is a directory"
