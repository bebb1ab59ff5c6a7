import io
import tracemalloc

import pytest

from stepladder.data.readers import read_up_to


@pytest.mark.parametrize("held", [0, 1, 4, 5, 6, 3 * 2**20 + 1])
@pytest.mark.parametrize("size", [0, 4, 5, 2**20, 2**21])
def test_reads_one_byte_more_than_announced_and_no_further(held, size):
    content = bytes(range(256)) * (held // 256 + 1)
    stream = io.BytesIO(content[:held])
    assert read_up_to(stream, size) == content[: min(held, size + 1)]
    assert stream.tell() == min(held, size + 1)


def test_memory_goes_by_what_is_there_and_not_by_what_is_announced():
    tracemalloc.start()
    try:
        assert len(read_up_to(io.BytesIO(b"few"), 10**12)) == 3
        assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
    finally:
        tracemalloc.stop()
