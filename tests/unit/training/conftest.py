"""What the tests of training share: a small dataset and trials on it."""

import os

os.environ["KERAS_BACKEND"] = "jax"  # before anything imports Keras

import hashlib
from pathlib import Path

import pytest

from stepladder.data.synthetic import synthetic
from stepladder.study.recipe import Recipe
from stepladder.training.custom_model import Code
from stepladder.trials.trial import Trial

NETWORKS = Path(__file__).parents[2] / "fakes" / "networks"

VALIDATION = 40


@pytest.fixture(scope="session", autouse=True)
def compiled_once(pytestconfig):
    """Keeps compiled programs for all processes and later runs: compiling is most of the time.

    `pytest --cache-clear` removes them. JAX names a program by its code, its own version and the
    device, so that an old one is never taken for a new one.
    """
    import jax

    folder = pytestconfig.cache.mkdir("compiled-programs")
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    yield
    jax.config.update("jax_compilation_cache_dir", None)


@pytest.fixture(scope="session")
def dataset():
    return synthetic(examples=350, input_shape=(4, 4), classes=5, seed=1)


@pytest.fixture(scope="session")
def trial_of(dataset):
    """Makes a trial of a recipe's fields; 20 steps an epoch, the last one shorter."""

    def make(replicate=0, seed=0, **fields):
        defaults = {"hidden": [8, 6], "batch_size": 16, "epochs": 1, "learning_rate": 0.05}
        recipe = Recipe(**{**defaults, "train_examples": 310, **fields})
        return Trial(recipe, dataset.fingerprint, VALIDATION, seed, replicate)

    return make


@pytest.fixture(scope="session")
def own_code():
    """Makes the code of a network: one of `tests/fakes/networks` by its name, or a text."""

    def make(text, function="build"):
        text = (NETWORKS / text).read_text("utf-8") if text.endswith(".py") else text
        return Code("net.py", function, hashlib.sha256(text.encode()).hexdigest(), text)

    return make
