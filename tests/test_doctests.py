"""The examples in docstrings are right."""

import doctest
import importlib
import pkgutil

import pytest

import segmill

MODULES = [module.name for module in pkgutil.walk_packages(segmill.__path__, "segmill.")]
WITH_EXAMPLES = {"segmill.report.resources", "segmill.report.panels"}


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
    assert result.attempted > 0 or name not in WITH_EXAMPLES
