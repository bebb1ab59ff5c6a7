"""Free memory, and what is refused because it would need more."""

import resource
import subprocess
import sys

import pytest

from stepladder.data.memory import check_memory, free_memory
from stepladder.errors import DataError


def test_memory_is_what_a_cgroup_has_left(tmp_path):
    limit = tmp_path / "memory.max"
    free = free_memory(tmp_path)
    assert free > 8 << 20
    (tmp_path / "memory.current").write_text("3000000\n")
    (tmp_path / "memory.stat").write_text("anon 2000000\ninactive_file 500000\n")
    limit.write_text("max\n")
    assert free_memory(tmp_path) > 8 << 20
    limit.write_text("4000000\n")
    assert free_memory(tmp_path) == 4_000_000 - 3_000_000 + 500_000
    limit.write_text("2000000\n")
    assert free_memory(tmp_path) == 0


def test_memory_is_what_ulimit_leaves(tmp_path):
    program = (
        "from pathlib import Path; from stepladder.data.memory import *; print(free_memory());"
        f"print(free_memory(Path({str(tmp_path)!r})))"
    )
    most = 2**31
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)),
    )  # fmt: skip
    assert all(0 < int(line) < most for line in done.stdout.split())


def test_what_needs_more_than_there_is_is_refused():
    check_memory(10**6, "a part")
    with pytest.raises(DataError, match=r"a part must fit into memory, found 1,000,000,000 MB"):
        check_memory(10**15, "a part")
