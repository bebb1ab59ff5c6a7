"""Versions of what is installed, whatever brings it."""

import importlib.metadata

import numpy as np
import pytest

from stepladder.version import version_of


def test_a_package_of_its_own_name_is_asked_for_its_version():
    assert version_of("numpy") == np.__version__


def test_a_module_that_another_distribution_brings_has_that_one_s_version():
    """Pillow brings PIL, as tensorflow-cpu brings tensorflow."""
    assert version_of("PIL") == importlib.metadata.version("pillow")


def test_what_is_not_there_is_told():
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        version_of("no_such_package")
