"""`run --dry-run`: what a study will find, from a pilot or from its own trials."""

import re


def test_trials_of_the_store_are_a_pilot(trained, in_process):
    trained()
    code, out, _ = in_process("run", "study.toml", "--dry-run")
    assert (code, "Power" in out) == (0, False), "nothing is left to train"
    code, out, _ = in_process("run", "study.toml", "--dry-run", "--replicates", "20")
    assert code == 0
    assert re.search(r"\(differences scatter by [\d.e-]+ to [\d.e-]+ points: the pilot's", out)
    assert re.search(r"^ +20 replicates  [\d.]+ to [\d.]+ points +█+ <", out, re.MULTILINE)
    assert re.search("^Equal arms: .* replicates show no difference beyond 0.1$", out, re.MULTILINE)


def test_without_a_pilot_differences_are_in_spreads(in_process):
    code, out, _ = in_process("run", "study.toml", "--dry-run")
    assert (code, "2 replicates give no verdict" in out) == (0, True)
    code, out, _ = in_process("run", "study.toml", "--dry-run", "--replicates", "10")
    assert code == 0
    assert out.endswith(
        "times its scatter between replicates (80 % chance, 2 comparisons); "
        "--pilot RUN shows it in points\n"
    )


def test_another_run_is_a_pilot(trained, in_process):
    trained()
    code, out, _ = in_process(
        "run", "study.toml", "--dry-run", "--set", "name=next", "--pilot", "runs/small"
    )
    assert code == 0
    assert "the pilot's upper 80 % limit, 1 degree of freedom" in out


def test_a_pilot_that_is_no_run_and_one_without_a_dry_run_are_refused(in_process):
    code, out, err = in_process("run", "study.toml", "--dry-run", "--pilot", "digits")
    assert (code, out) == (2, "")
    assert "--pilot must be the folder of a run" in err
    code, out, err = in_process("run", "study.toml", "--pilot", "digits")
    assert (code, out) == (2, "")
    assert "--pilot needs --dry-run" in err
