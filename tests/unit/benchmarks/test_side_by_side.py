"""One comparison in four ways: what is counted, and that there is a program for each way."""

import ast

import side_by_side

PROGRAM = '''"""What it does."""

import sys  # code


# A remark.
def f(x):
    """Says
    what."""
    return """a
text"""
'''


def test_lines_of_code_are_those_with_code():
    assert side_by_side.lines_of_code(PROGRAM) == 4


def test_every_way_is_a_program_that_uses_the_same_training():
    for file in side_by_side.WAYS.values():
        tree = ast.parse((side_by_side.FOLDER / file).read_text("utf-8"))
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert "training" in modules, file
