"""What a user's network opens is found, whoever opens it for the network."""

import keras
import numpy as np
import pytest

from stepladder import Recipe
from stepladder.training.custom_model import NetworkError, UserBuild, inspect_models

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning",  # Keras on JAX, when it saves
    "ignore:a line of the code",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)

NETWORK = """
import keras
import numpy as np
{top}
def build(recipe, input_shape, classes):
    layers = keras.layers
    m = keras.Sequential([layers.Input(input_shape), layers.Flatten(), layers.Dense(classes)])
    {inside}
    return m
"""

OPENING = {
    "open": "open('w.txt').read()",
    "pathlib": "__import__('pathlib').Path('w.txt').read_text()",
    "os": "__import__('os').open('w.txt', 0)",
    "numpy": "np.load('w.npy')",
    "memmap": "np.load('w.npy', mmap_mode='r')",
    "keras weights": "m.load_weights('m.weights.h5')",
    "keras model": "m = keras.saving.load_model('m.keras')",
    "hdf5": "__import__('h5py').File('m.weights.h5').close()",
    "written": "open('log.txt', 'a').write('x')",
    "thread": "import threading; t = threading.Thread(target=lambda: open('w.txt')); "
    "t.start(); t.join()",
    "not there": "open('none.npy')",
    "database": "__import__('sqlite3').connect('w.db').close()",
    "program": "__import__('subprocess').run(['cat', 'w.txt'])",
}

NOT_OPENING = {
    "import": "import csv, matplotlib.pyplot, scipy.stats",
    "warning": "__import__('warnings').warn('a line of the code is shown')",
    "source": "__import__('inspect').getsource(keras.layers.Dense)",
    "library": "import matplotlib; open(matplotlib.__file__[:-11] + 'mpl-data/matplotlibrc')",
    "random": "__import__('os').urandom(3); open('/dev/null')",
    "initialiser": "m.add(keras.layers.Dense(5, kernel_initializer='orthogonal'))",
}


@pytest.fixture
def built(own_code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def build(inside="pass", top=""):
        code = own_code(NETWORK.format(top=top, inside=inside))
        return UserBuild(code)(Recipe(hidden=[3]), (4, 4), 5)

    model = build()
    model.save("m.keras")
    model.save_weights("m.weights.h5")
    np.save("w.npy", np.zeros(3))
    (tmp_path / "w.txt").write_text("3")
    return build


@pytest.mark.parametrize("statement", OPENING.values(), ids=OPENING)
def test_what_is_opened_is_refused_by_its_name(statement, built):
    name = r"'(w\.\w+|m\.\S+|log\.txt|none\.npy|cat)'"
    with pytest.raises(NetworkError, match=f"net.py must open no file .* opens {name}"):
        built(statement)


def test_what_the_file_itself_opens_and_what_it_hides_is_refused_too(built):
    with pytest.raises(NetworkError, match=r"the model file net.py must open no file .*'w\.npy'"):
        built(top="W = np.load('w.npy')")
    with pytest.raises(NetworkError, match=r"must open no file .*'none\.txt'"):
        built(top="try:\n    open('none.txt')\nexcept OSError:\n    pass")


@pytest.mark.parametrize("statement", NOT_OPENING.values(), ids=NOT_OPENING)
def test_code_and_libraries_may_be_opened(statement, built):
    assert isinstance(built(statement), keras.Model)


def test_it_is_found_before_training(own_code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = own_code(NETWORK.format(top="", inside="open('w.txt')"))
    _, problem = inspect_models(
        [code], [Recipe(model=code.identity)], (4, 4), ("classification", 5), "population"
    )
    assert "opens 'w.txt'" in problem
