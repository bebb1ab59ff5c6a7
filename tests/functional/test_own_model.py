"""Studies with a network of the user's own: run when allowed, refused truly when not."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

CONV = Path(__file__).parents[1] / "fakes" / "networks" / "conv.py"
RUN = "runs/conv"
STUDY = """
name = "conv"
dataset = "digits"
model = "conv.py:build"
replicates = 1
epochs = 1
validation = 40

[base]
hidden = [3]
learning_rate = 0.05

[[technique]]
name = "dropout"

[[technique]]
name = "slower"
change = { learning_rate = 0.01 }
"""

HEAD = "import os, signal, keras\nfrom keras import layers\n"
BUILD = """
def build(recipe, input_shape, classes):
    {line}
    return keras.Sequential(
        [layers.Flatten(), {layer} layers.Dropout(recipe.dropout or 0.1), layers.Dense({units})]
    )
"""


@pytest.fixture
def study(place):
    """Writes a study and its model file; returns the model file."""
    file = place / "conv.py"
    shutil.copy(CONV, file)
    (place / "conv.toml").write_text(STUDY, "utf-8")
    return file


def own(line="pass", layer="", units="classes", head=""):
    return HEAD + head + BUILD.format(line=line, layer=layer, units=units)


@pytest.fixture
def refused(place, in_process):
    """Runs a command that must end with 2, train nothing and leave nothing; returns its message."""

    def run(*words):
        before = sorted(place.rglob("*"))
        code, out, err = in_process("run", "conv.toml", *words)
        assert (code, out) == (2, ""), err
        assert "Traceback" not in err
        assert sorted(place.rglob("*")) == before
        return err

    return run


@pytest.mark.slow
def test_a_study_with_a_network_of_its_own_runs_when_it_is_allowed(
    stepladder, in_process, study, place
):
    allowed = ("run", "conv.toml", "--allow-code")
    done = stepladder(*allowed)
    assert done.returncode == 0, done.stderr
    assert "3 trials to train" in done.stderr
    again = stepladder(*allowed)
    assert "All 3 trials are stored: nothing to train." in again.stderr
    assert again.stdout == done.stdout

    study.rename(place / "moved.py")  # from here on the code is not there
    results = stepladder.results(RUN)
    assert results["model"]["file"] == "conv.py"
    fingerprint = results["model"]["sha256"]
    assert results["arms"][0]["config"]["model"] == f"{fingerprint}:build"
    (place / RUN / "report.html").unlink()
    assert in_process("report", RUN)[0] == 0
    page = (place / RUN / "report.html").read_text("utf-8")
    assert f"build of conv.py, SHA-256 {fingerprint}" in page
    assert "ok  store" in in_process("doctor", RUN)[1]
    assert "stepladder run study.toml --allow-code" in page

    moved = stepladder(*allowed, "--set", "model=moved.py:build")
    assert "All 3 trials are stored: nothing to train." in moved.stderr
    (place / "moved.py").write_text((place / "moved.py").read_text() + "\n", "utf-8")
    edited = stepladder(*allowed, "--set", "technique=[]", "--set", "model=moved.py:build")
    assert "1 trial to train" in edited.stderr


def test_code_never_runs_unless_it_is_allowed(study, refused, place):
    study.write_text(f"open({str(place / 'was-run')!r}, 'w')\n", "utf-8")
    said = refused()
    for part in ("with your rights", "'build'", "'conv.py'", "--allow-code"):
        assert part in said
    assert not (place / "was-run").exists()


@pytest.mark.parametrize("name", ["../conv.py", "/tmp/conv.py", "link.py"])
def test_code_that_lies_elsewhere_never_runs_though_it_is_allowed(name, study, refused, place):
    outside = place.parent / "conv.py"
    outside.write_text(f"open({str(place / 'was-run')!r}, 'w')\n", "utf-8")
    (place / "link.py").symlink_to(outside)
    said = refused("--allow-code", "--set", f"model={name}:build")
    assert "the study's folder or below it" in said


@pytest.mark.slow
def test_a_technique_that_the_network_ignores_is_refused(refused, study):
    said = refused("--allow-code", "--set", "technique=['He normal']")
    assert "never reads recipe.initializer: the effect of that would be exactly zero" in said


COUNTING = """
class Counting(layers.Layer):
    def __init__(self):
        super().__init__(name="counting")
        self.calls = 0
    def call(self, x):
        self.calls += 1
        return x
"""


REFUSED = {
    "raises": (
        own("raise RuntimeError('no such layer')"),
        "build of conv.py must return a keras.Model, found RuntimeError: no such layer (line 5)",
    ),
    "state": (
        own(layer="Counting(),", head=COUNTING),
        "the layer 'counting' (Counting) of build of conv.py must keep what it remembers",
    ),
    "shape": (
        own(units="7"),
        "must give logits of shape (2, 4) for 2 examples, "
        "found shape (2, 7); end it with Dense(classes)",
    ),
    "no model": (own("return 'model'"), "must return a keras.Model, found str"),
    "exits": (own("os._exit(3)"), "found that it ended its process (exit code 3)"),
    "epochs": (own("recipe.epochs"), "found recipe.epochs, which stepladder applies itself"),
    "no function": (
        "def built(): pass",
        "must define the function 'build', found none; did you mean",
    ),
}
# Each case starts a process that imports Keras; two show by default that it is asked at all.
DEFAULT = ("raises", "exits")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(*case, id=name, marks=() if name in DEFAULT else pytest.mark.slow)
        for name, case in REFUSED.items()
    ],
)
def test_a_network_that_will_not_do_is_found_before_anything_is_trained(
    text, expected, study, refused
):
    study.write_text(text, "utf-8")
    assert expected in refused("--allow-code")


@pytest.mark.slow
def test_the_fit_engine_trains_what_the_population_engine_refuses(stepladder, study):
    study.write_text(own(layer="Counting(),", head=COUNTING), "utf-8")
    words = ("--allow-code", "--engine", "fit", "--set", "technique=[]")
    done = stepladder("run", "conv.toml", *words, KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stderr


KILLING = """
times = 1  # that it ran, as folders count: it may open no file
while os.path.isdir(os.environ["MARKER"] + str(times)):
    times += 1
os.mkdir(os.environ["MARKER"] + str(times))
if {deadly}: os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_network_that_kills_its_process_once_is_trained_at_the_second_try(
    stepladder, study, place
):
    # the first time the file runs to be looked at, the second time in a training process
    study.write_text(own(head=KILLING.format(deadly="times == 2")), "utf-8")
    marker = str(place / "marker")
    words = ("--allow-code", "--workers", "1", "--set", "technique=[]")
    done = stepladder("run", "conv.toml", *words, MARKER=marker)
    assert done.returncode == 0, done.stderr
    assert "a training process died (signal 9" in done.stderr
    assert "trying that once more" in done.stderr
    assert [arm["n"] for arm in stepladder.results(RUN)["arms"]] == [1]


@pytest.mark.slow
def test_a_network_that_kills_its_process_always_ends_the_run_with_its_trial(
    stepladder, study, place
):
    study.write_text(own(head=KILLING.format(deadly="times >= 2")), "utf-8")
    marker = str(place / "marker")
    words = ("--allow-code", "--workers", "1", "--set", "technique=[]")
    done = stepladder("run", "conv.toml", *words, MARKER=marker)
    assert done.returncode == 1
    assert "1 trial(s) of replicate 0 (base)" in done.stderr
    assert "failed a second time: it died (signal 9" in done.stderr
    assert len(list(place.glob("marker*"))) == 3


def test_python_runs_code_only_when_it_is_told_to(study, place, monkeypatch):
    import stepladder

    monkeypatch.chdir(place)
    with pytest.raises(stepladder.InputError, match="allow_code=True"):
        stepladder.run("conv.toml")


def test_the_schema_shows_the_key(in_process):
    schema = json.loads(in_process("schema")[1])
    assert schema["properties"]["model"]["examples"] == ["conv.py:build"]
    assert "hidden" not in schema["$defs"]["Recipe"].get("required", [])


TOKENS = """
name = "tokens"
dataset = "text.npz"
model = "text.py:build"
replicates = 3
epochs = 8
delta = 5.0
[base]
optimizer = "adam"
learning_rate = 0.1
[[technique]]
name = "dropout"
"""
EMBEDDING = """
import keras
from keras import layers
def build(recipe, input_shape, classes):
    return keras.Sequential([keras.Input(input_shape), layers.Embedding({known}, 8),
        layers.GlobalAveragePooling1D(), layers.Dropout(recipe.dropout), layers.Dense(classes)])
"""


@pytest.fixture
def tokens(place):
    """Texts of 12 words, of one class where the first 25 words prevail; returns the model file."""
    words = np.random.default_rng(0).integers(0, 50, (600, 12))
    labels = (words.mean(axis=1) > 24.5).astype(np.int64)
    np.savez(place / "text.npz", x_train=words[:500], y_train=labels[:500], x_test=words[500:],
             y_test=labels[500:])  # fmt: skip
    (place / "tokens.toml").write_text(TOKENS, "utf-8")
    file = place / "text.py"
    file.write_text(EMBEDDING.format(known=50), "utf-8")
    return file


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["population", "fit"])
def test_ids_that_are_looked_up_are_not_scaled(engine, in_process, tokens, place):
    words = ("run", "tokens.toml", "--allow-code", "--workers", "1", "--engine", engine)
    code, _, err = in_process(*words)
    assert code == 0, err
    assert "inputs are ids that the first layer of build looks up: they are not scaled" in err
    arms = json.loads((place / "runs" / "tokens" / "results.json").read_text("utf-8"))["arms"]
    assert min(arm["scores"]["test"]["accuracy"]["mean"] for arm in arms) > 0.8
    assert not {"inputs_not_scaled", "learns_nothing"}.intersection(
        finding["code"] for arm in arms for finding in arm["findings"]
    )


@pytest.mark.slow
def test_an_id_that_is_not_known_and_an_arm_that_scales_ids_are_refused(in_process, tokens, place):
    tokens.write_text(EMBEDDING.format(known=49), "utf-8")
    code, _, err = in_process("run", "tokens.toml", "--allow-code")
    assert code == 2
    assert "knows, 0 to 48, found 49; give its Embedding an input_dim of 50 or more" in err
    tokens.write_text(EMBEDDING.format(known=50), "utf-8")
    text = TOKENS.replace('"dropout"', '"standardised inputs"')
    (place / "tokens.toml").write_text(text, "utf-8")
    code, _, err = in_process("run", "tokens.toml", "--allow-code")
    assert code == 2
    assert "must not change scaling, found 'standardised'" in err
    assert not (place / "runs").exists()


KNOBS = """
import keras
from keras import layers
def build(recipe, input_shape, classes):
    x = image = keras.Input(input_shape)
    x = layers.Conv1D(4, recipe.own.kernel_size, padding="same", activation="relu")(x)
    y = layers.Conv1D(4, recipe.own.kernel_size, padding="same", activation="relu")(x)
    x = layers.Flatten()(x + y if recipe.own.residual else y)
    return keras.Model(image, layers.Dense(classes, activation="softmax")(x))
def plain(recipe, input_shape, classes):
    return keras.Sequential([layers.Flatten(), layers.Dense(classes)])
"""
OWN_STUDY = """
name = "knobs"
dataset = "digits"
model = "net.py:build"
design = "one_at_a_time"
replicates = 2
epochs = 2
validation = 40
keep_weights = true
[base]
own = { kernel_size = 3, residual = false }
learning_rate = 0.05
[[technique]]
name = "wide"
change = { own = { kernel_size = 5 } }
[[technique]]
name = "residual"
change = { own = { residual = true } }
[[technique]]
name = "plain"
change = { model = "net.py:plain" }
"""


@pytest.fixture
def knobs(place):
    """Writes a study whose network has values of its own; returns the study's file."""
    (place / "net.py").write_text(KNOBS, "utf-8")
    (place / "knobs.toml").write_text(OWN_STUDY, "utf-8")
    return place / "knobs.toml"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["population", "fit"])
def test_values_of_ones_own_and_functions_are_techniques(engine, stepladder, knobs, place):
    words = ("--allow-code", "--engine", engine)
    done = stepladder("run", "knobs.toml", *words, KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stderr
    assert "8 trials to train" in done.stderr
    results = stepladder.results("runs/knobs")
    arms = {arm["name"]: arm for arm in results["arms"]}
    own = {name: arm["config"].get("own") for name, arm in arms.items()}
    assert own["+ wide"] == {"kernel_size": 5, "residual": False}
    assert [file["function"] for file in results["models"]] == ["plain"]
    assert arms["+ plain"]["config"]["model"].endswith(":plain")
    assert arms["+ plain"]["parameters"] < arms["base"]["parameters"]
    page = (place / "runs" / "knobs" / "report.html").read_text("utf-8")
    assert "build of net.py" in page
    assert "plain of net.py" in page
    exported = stepladder("export", "runs/knobs", "--arm", "+ plain", "--to", "m.keras",
                          "--allow-code", KERAS_BACKEND="jax")  # fmt: skip
    assert exported.returncode == 0, exported.stderr
    for name in ("study.toml", "results.json"):  # as a copy of the run elsewhere has them
        assert (place / "runs" / "knobs" / name).is_file()
    shutil.copy(place / "net.py", place / "runs" / "knobs" / "net.py")
    again = stepladder("run", "runs/knobs", "--out", "runs/knobs", *words, KERAS_BACKEND="jax")
    assert "All 8 trials are stored: nothing to train." in again.stderr


UNFIT = {
    "unread": (["base.own.stride=2"], "never reads recipe.own.stride (of own it reads"),
    "unknown": (["base.own={kernel_size=3}"], "net.py must return a keras.Model, found "
                "AttributeError: recipe.own has no key 'residual'"),
    "missing": (["technique=[{name='x', change={model='net.py:plan'}}]"],
                "must define the function 'plan', found none; did you mean 'plain'?"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("settings", "expected"), UNFIT.values(), ids=UNFIT)
def test_values_of_ones_own_that_will_not_do(settings, expected, in_process, knobs, place):
    words = [word for setting in settings for word in ("--set", setting)]
    if "unknown" in expected or "residual'" in expected:
        words += ["--set", "technique=[]"]
    code, _, err = in_process("run", "knobs.toml", "--allow-code", *words)
    assert code == 2, err
    assert expected in err
    assert not (place / "runs").exists()


def test_every_function_that_would_run_is_named(in_process, knobs):
    code, _, err = in_process("run", "knobs.toml")
    assert code == 2
    assert "the function 'build' of 'net.py'" in err
    assert "the function 'plain' of 'net.py'" in err


@pytest.mark.slow
def test_scaled_ids_are_refused_wherever_they_are_looked_up(in_process, tokens, place):
    sliced = EMBEDDING.format(known=50).replace(
        "layers.Embedding", "layers.Lambda(lambda x: x[:, 1:]), layers.Embedding"
    )
    tokens.write_text(sliced, "utf-8")
    code, _, err = in_process("run", "tokens.toml", "--allow-code")
    assert code == 2
    assert "scaling must be 'none' where inputs are looked up, found 'unit'" in err
    assert not (place / "runs").exists()
