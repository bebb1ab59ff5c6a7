"""The page of results: both ladders side by side, from what the command prints as JSON."""

import json

import pytest
from example_results import mnist_results

import results_page
from stepladder.report import as_json


def arms(**changes):
    value = json.loads(as_json(mnist_results()))
    for arm in value["arms"]:
        arm.update(changes)
    return value


def test_every_arm_stands_beside_its_twin():
    fixed, fair = arms(), arms()
    fair["arms"].reverse()
    for arm in fair["arms"]:
        arm["recipe"] = {"learning_rate": 0.3}
    head, sides, *rows = results_page.side_by_side(fixed, fair).splitlines()
    assert head.count("|") == sides.count("|") == rows[0].count("|") == 9
    assert len(rows) == len(fixed["arms"])
    for row, arm in zip(rows, fixed["arms"], strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[0] == arm["name"]
        assert cells[4] == "0.3"
        assert cells[1:4] == cells[5:8]
        if arm["effect"]:
            assert arm["effect"]["verdict"] in cells[3]
            assert f"{abs(arm['effect']['mean']):.2f}" in cells[2]


def test_a_constant_answer_is_no_accuracy():
    fixed = arms(diagnosis=["answers 1 to every image"])
    table = results_page.side_by_side(fixed, arms(diagnosis=[]))
    assert table.count("*answers 1 to every image*") == len(fixed["arms"])


def test_a_command_that_fails_ends_the_page():
    with pytest.raises(SystemExit, match="stepladder results no-such-run failed"):
        results_page.printed("results", "no-such-run")
