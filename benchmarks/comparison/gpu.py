"""`keras.Model.fit` on a GPU against the population engine with 1 to 1,024 trials on it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

from comparison.context import Context, row
from stepladder.tools.bench import Work, time_keras_fit, time_population

PLATFORM = "cuda"
TRIALS = (1, 4, 16, 64, 256, 1024)
MOST_ARMS = 256  # of a study's ladder; more trials are further replicates

_ASK = "import jax; print(jax.devices()[0].device_kind if jax.default_backend() == 'gpu' else '')"


def gpu(context: Context) -> dict[str, Any]:
    """Seconds per trial·epoch on CUDA; skipped with one line where JAX finds no GPU."""
    asked = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, check=True)
    device = asked.stdout.strip()
    if not device:
        context.say("gpu: skipped, JAX finds none here (it needs `pip install stepladder[cuda]`)")
        return {"skipped": "JAX finds no GPU here", "runs": [], "rows": []}
    work = replace(Work(), epochs=4 if context.quick else 12)
    context.say(f"keras.fit on {device}")
    fit = time_keras_fit(work, PLATFORM)
    runs = [{"title": "keras.fit", "trials": 1, "seconds_per_trial_epoch": fit.seconds}]
    rows = []
    variables = {**context.settings.environment, "JAX_PLATFORMS": PLATFORM}
    for trials in TRIALS[:2] if context.quick else TRIALS:
        context.say(f"stepladder on {device}, {trials:,} trials")
        settings = replace(
            context.settings,
            cpus=(None,),
            environment=variables,
            cache=context.place(f"gpu-{trials}"),
        )
        lanes = min(trials, MOST_ARMS)
        went = time_population(work.study(lanes, trials // lanes), settings)
        title = f"784-50×4-10, {trials:,} trials on {device}"
        runs.append({"title": title, "trials": trials, "seconds_per_trial_epoch": went.seconds})
        rows.append(row(title, "keras.fit there", fit.seconds / went.seconds, "times"))
    return {"device": device, "runs": runs, "rows": rows}
