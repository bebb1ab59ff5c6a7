"""An exported model on the whole test set, where Keras is installed and stepladder is not.

    stepladder export runs/mnist-best --to best.keras
    python benchmarks/exported.py best.keras            # TensorFlow and JAX
    python benchmarks/exported.py best.keras --backend jax

The model is given raw images, 0 to 255, as Keras loads it in its safe mode. What it should get
right stands in the card beside it, `best.md`, as the training engine scored it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from comparison.processes import run_timed
from comparison.rivals import ENVIRONMENTS, PROGRAMS, RIVALS, environment_of, prepare, versions_in
from stepladder import data

BACKENDS = ("tensorflow", "jax")


def main() -> None:
    """Prints a line for each model and backend."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    parser.add_argument("--backend", choices=BACKENDS, action="append", help="all when absent")
    parser.add_argument(
        "--environments", type=Path, default=ENVIRONMENTS, help="folder of environments"
    )
    options = parser.parse_args()
    mnist = data.load("mnist")
    with tempfile.TemporaryDirectory(prefix="stepladder-exported-") as folder:
        images, out = Path(folder) / "test.npz", Path(folder) / "answered.json"
        np.savez(images, x=mnist.x_test, y=mnist.y_test)
        for backend in options.backend or BACKENDS:
            rival = replace(RIVALS[f"fit-{backend}"], program="exported_alone.py")
            python = prepare(rival, options.environments, _say)
            versions = versions_in(python, rival)
            for model in options.models:
                words = [python, PROGRAMS / rival.program, model, images, out]
                log = Path(folder) / "log.txt"
                ran = run_timed([str(word) for word in words], environment_of(rival), log)
                answered = json.loads(out.read_text("utf-8"))
                print(
                    f"{model.name}: {answered['right']:,} of {answered['images']:,} right, "
                    f"{answered['weights']:,} weights, {ran.seconds:.1f} s with loading; "
                    + ", ".join(f"{name} {version}" for name, version in versions.items())
                )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
