from keras_names import catalogue
from stepladder.study.keras_names import keras_names


def test_the_lists_are_those_of_the_installed_keras():
    """A newer Keras fails here until its new names are listed: run `make docs`, then decide."""
    installed = catalogue()
    for kind, names in keras_names().items():
        assert installed[kind] == names, kind
