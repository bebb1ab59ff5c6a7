"""Weights that were trained again are kept where they are those of the stored trial."""

from types import SimpleNamespace

import numpy as np
import pytest

from stepladder.deployment import export
from stepladder.training.messages import weights_file


@pytest.mark.parametrize(("correct", "kept"), [([True, False], True), ([True, True], False)])
def test_only_what_the_store_is_about_is_kept(tmp_path, correct, kept):
    final = SimpleNamespace(
        test_probabilities=np.array([[0.9, 0.1], [0.8, 0.2]]), test_labels=np.array([0, 1])
    )
    result = SimpleNamespace(trial=SimpleNamespace(id="a" * 64), test_correct=np.array(correct))
    weights_file(tmp_path, "a" * 64).write_bytes(b"weights")
    export._keep(tmp_path, final, result, tmp_path / "weights")
    file = weights_file(tmp_path / "weights", "a" * 64)
    assert file.exists() == kept
    assert not kept or file.read_bytes() == b"weights"
