"""Examples in docstrings (`pytest --doctest-modules src`) run on JAX, as the tests do."""

import os

os.environ["STEPLADDER_LEDGER"] = "off"  # tests are no looks of the user's
os.environ.setdefault("KERAS_BACKEND", "jax")  # before anything imports Keras

collect_ignore = ["src/stepladder/tools/templates"]  # scripts of users to be
