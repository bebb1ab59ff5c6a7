"""What the tests of exported models share: a study, and what its models answer alone."""

import json
import subprocess
import sys

import numpy as np

from stepladder.data import load

STUDY = """
name = "digits"
dataset = "some.npz"
replicates = 2
epochs = 6
validation = 400

[base]
hidden = [48]
activation = "relu"
optimizer = "adam"
learning_rate = 0.003
batch_size = 32
scaling = "standardised"
dropout = 0.1

[[technique]]
name = "batch normalisation"
"""

ALONE = """
import sys, json
sys.meta_path.insert(0, type("Blocked", (), {"find_spec": staticmethod(
    lambda name, path=None, target=None: (_ for _ in ()).throw(ImportError(name))
    if name.split(".")[0] == "stepladder" else None)})())
try:
    import stepladder
except ImportError:
    pass
else:
    raise SystemExit("stepladder is there")
import keras, numpy as np
model = keras.models.load_model(sys.argv[1])
data = np.load("some.npz")
answers = model.predict(data["x_test"], verbose=0)
print(json.dumps({
    "accuracy": float((answers.argmax(1) == data["y_test"]).mean()),
    "sums": [float(answers.sum(1).min()), float(answers.sum(1).max())],
    "modules": sorted({type(layer).__module__.split(".")[0] for layer in model._flatten_layers()}),
}))
"""


def lay_out(folder):
    """Writes the study and its data, a little of MNIST, into a folder."""
    mnist = load("mnist")
    parts = {"x_train": mnist.x_train[:3000], "y_train": mnist.y_train[:3000],
             "x_test": mnist.x_test[:500], "y_test": mnist.y_test[:500]}  # fmt: skip
    np.savez(folder / "some.npz", **parts)
    (folder / "study.toml").write_text(STUDY, "utf-8")


def alone(run, name):
    """What a model answers in a process that cannot import stepladder."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, name], cwd=run.folder,
        env={**run.environment, "KERAS_BACKEND": "jax"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
