"""Loads a model with Keras alone, and counts what it gets right: MODEL TEST.npz OUT.json."""

import importlib.util
import json
import sys
from pathlib import Path

import keras
import numpy as np


def main():
    """Counts."""
    if importlib.util.find_spec("stepladder"):
        sys.exit("stepladder must not be installed here: the model has to do without it")
    model = keras.models.load_model(sys.argv[1])
    with np.load(sys.argv[2]) as data:
        x, y = data["x"], data["y"]
    answers = model.predict(x, batch_size=1000, verbose=0).argmax(axis=1)
    found = {"right": int((answers == y).sum()), "images": len(y), "weights": model.count_params()}
    Path(sys.argv[3]).write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main()
