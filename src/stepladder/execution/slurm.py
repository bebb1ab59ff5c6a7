"""Jobs of Slurm whose workers train a run's spool, and job files for other queues.

Plain `sbatch`, no library: what a job does is one command, `stepladder worker RUN`, and all that
it has to say is in the run's folder. `submitit` would add a pickled function a job.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qsl, quote

from stepladder.errors import InputError, WorkerError
from stepladder.execution.base import Event, Job
from stepladder.execution.machine import Settings
from stepladder.execution.scheduler import Clock
from stepladder.execution.spool import DETACH, SpoolExecutor
from stepladder.execution.spool_files import Spool
from stepladder.study.schema import fingerprint

_LOOK_SECONDS = 10.0
_TRIES = 3
_OWN = ("array", "job-name", "output", "parsable", "signal", "wrap")
_GRACE = 90
"""Seconds before the end of its time at which a job is warned: enough for a checkpoint."""


def slurm_address(options: Sequence[str], detach: bool = False) -> str:
    """The executor's name with the options of sbatch.

    Args:
        options: `KEY=VALUE`, or `KEY` for one without a value.
        detach: whether to leave once all is queued.

    Raises:
        InputError: if one is no option, or one that stepladder sets.

    Example:
        >>> slurm_address(["partition=gpu", "time=2:00:00"])
        'slurm://partition=gpu&time=2%3A00%3A00'
    """
    pairs = [option.partition("=") for option in options]
    for key, _, value in pairs:
        is_key = re.fullmatch("[a-z][a-z0-9-]*", key) and value.isprintable()
        if not is_key or key in (*_OWN, DETACH):
            found = "one that stepladder sets" if is_key else "none"
            raise InputError(
                "--slurm must be KEY=VALUE with a long option of sbatch, such as partition=gpu, "
                f"found {key!r}, {found}; leave out its dashes"
            )
    words = [f"{key}={quote(value, safe='')}" if equals else key for key, equals, value in pairs]
    return "slurm://" + "&".join([*words, *([DETACH] if detach else [])])


def executor_address(executor: str | None, options: Sequence[str], detach: bool) -> str | None:
    """The name of an executor, with its options of sbatch and whether the driver leaves.

    Raises:
        InputError: if it has no use for them.

    Example:
        >>> executor_address("spool", (), detach=True), executor_address("dask", (), detach=False)
        ('spool://detach', 'dask')
    """
    if executor == "slurm":
        return slurm_address(options, detach)
    if options or (detach and executor != "spool"):
        what, needed = ("--slurm", "slurm") if options else ("--detach", "slurm or spool")
        raise InputError(
            f"{what} needs --executor {needed}, found {executor or 'local'}; add that, or leave "
            f"{what} out"
        )
    return f"{executor}://{DETACH}" if detach else executor


def slurm_options(address: str) -> dict[str, str]:
    """The options of an address, by name; those without a value have an empty one.

    Raises:
        InputError: as `slurm_address` does.

    Example:
        >>> slurm_options("partition=gpu&time=2%3A00%3A00&exclusive")
        {'partition': 'gpu', 'time': '2:00:00', 'exclusive': ''}
    """
    pairs = [pair for pair in parse_qsl(address, keep_blank_values=True) if pair[0] != DETACH]
    slurm_address([f"{key}={value}" for key, value in pairs])
    return dict(pairs)


def worker_command(run: Path, has_code: bool, python: str = sys.executable) -> list[str]:
    """The command of a worker of a run."""
    words = [python, "-P", "-m", "stepladder", "worker", str(run)]
    return [*words, "--allow-code"] if has_code else words


def job_options(run: Path, workers: int, options: Mapping[str, str]) -> list[str]:
    """The arguments of sbatch for an array of workers."""
    own = {
        "job-name": job_name(run),
        "array": f"0-{workers - 1}",
        "output": f"{run}/{LOGS}/%A_%a.txt",
        "signal": f"B:USR1@{_GRACE}",
        "requeue": "",
        "open-mode": "append",
    }
    return [
        f"--{key}={value}" if value else f"--{key}" for key, value in {**own, **options}.items()
    ]


LOGS = "slurm"
"""Folder of what jobs print, in the run's folder: Slurm ends a job that cannot write there."""


def job_name(run: Path) -> str:
    """The name of a run's jobs: another one for each folder."""
    return f"stepladder-{fingerprint(str(run))[:12]}"


def sbatch_script(
    run: Path, workers: int, options: Mapping[str, str], has_code: bool = False
) -> str:
    """The file for sbatch that starts workers of a run.

    Args:
        run: folder of the run.
        workers: jobs of the array.
        options: of sbatch, by long name.
        has_code: whether the study names code that may run.

    Example:
        >>> print(sbatch_script(Path("/home/me/run"), 2, {"time": "1:00:00"}).splitlines()[-2])
        #SBATCH --time=1:00:00
    """
    run = run.resolve()
    lines = [f"#SBATCH {shlex.quote(option)}" for option in job_options(run, workers, options)]
    command = shlex.join(worker_command(run, has_code))
    return "\n".join(["#!/bin/bash", *lines, f"exec {command}", ""])


def kubernetes_job(run: Path, workers: int, has_code: bool = False) -> str:
    """An Indexed Job of Kubernetes that starts workers of a run, as YAML.

    The image and the claim of a volume that all pods share are to be filled in.
    """
    import json

    run = run.resolve()
    words = json.dumps(worker_command(run, has_code, python="python"))  # JSON is YAML too
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: {job_name(run)}
spec:
  completionMode: Indexed
  completions: {workers}
  parallelism: {workers}
  backoffLimit: {10 * workers}
  template:
    spec:
      restartPolicy: OnFailure
      terminationGracePeriodSeconds: {_GRACE}
      containers:
        - name: worker
          image: IMAGE  # one with the versions of the driver
          command: {words}
          resources:
            requests: {{cpu: "1", memory: 2Gi}}
            limits: {{cpu: "1", memory: 2Gi}}
          volumeMounts:
            - name: runs
              mountPath: {json.dumps(str(run))}
      volumes:
        - name: runs
          persistentVolumeClaim:
            claimName: CLAIM  # ReadWriteMany, mounted under the same path where the driver runs
"""


def requeue_job() -> None:
    """Has Slurm queue the job again in which this process runs; nothing outside of Slurm."""
    number = os.environ.get("SLURM_JOB_ID")
    if number and shutil.which("scontrol"):
        array, place = (os.environ.get(f"SLURM_ARRAY_{name}_ID") for name in ("JOB", "TASK"))
        name = f"{array}_{place}" if array and place else number
        subprocess.run(["scontrol", "requeue", name], check=False)


class SlurmExecutor(SpoolExecutor):
    """Worker programs that Slurm starts, where the run's folder is on a file system of all nodes.

    Args:
        settings: of the run; `workers` of it are the jobs at most.
        folder: of the run.
        options: of sbatch, by long name.
        detach: whether to leave once all tasks and jobs are queued.
        clock: seconds from any origin, never backwards.

    Raises:
        InputError: if there is no sbatch here.
    """

    name = "slurm"

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        options: Mapping[str, str],
        detach: bool = False,
        clock: Clock = time.monotonic,
    ) -> None:
        if not shutil.which("sbatch"):
            raise InputError(
                "--executor slurm must find the commands of Slurm, found no sbatch on PATH; run it "
                "where jobs are submitted"
            )
        if settings.workers is None:
            raise InputError(
                "--executor slurm needs --workers N, the jobs at most, found none; add it"
            )
        super().__init__(settings, folder, detach, clock)
        self._run, self._options = folder.resolve(), options
        self._file = Spool(folder).folder / "slurm.json"
        self._next_look = 0.0
        self._tries = 0
        self._has_code = False

    def open(self, job: Job) -> None:
        """Writes the job; jobs of Slurm are submitted when there are tasks."""
        self._has_code = bool(job.models) or job.user is not None
        super().open(job)

    def events(self, timeout: float) -> Sequence[Event]:
        """As for any spool; submits jobs where too few live for what is left to train."""
        now = self._clock()
        if timeout and self._sent and now >= self._next_look:
            self._next_look = now + _LOOK_SECONDS
            self._submit_jobs()
        events = super().events(timeout)
        if any(event.task for event in events):
            self._tries = 0
        return events

    def _submit_jobs(self) -> None:
        live = self._count_live()
        left = sum(1 for sent in self._sent.values() if sent.name)
        wanted = min(self._workers, left) - (0 if live is None else live)
        if live is None or wanted <= 0:  # a queue that does not answer may have them all
            return
        if live == 0 and self._tries >= _TRIES:
            raise WorkerError(
                f"{_TRIES} jobs of Slurm ended and trained nothing; {self._last_words()}"
            )
        self._tries += 1
        (self._run / LOGS).mkdir(parents=True, exist_ok=True)
        command = ["sbatch", "--parsable", *job_options(self._run, wanted, self._options)]
        script = f"#!/bin/bash\nexec {shlex.join(worker_command(self._run, self._has_code))}\n"
        done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
        if done.returncode:
            said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
            raise InputError(
                f"sbatch must take the job, found: {said}; correct the options of sbatch"
            )
        number = done.stdout.strip().partition(";")[0]
        self._spool.write(self._file, {"jobs": [*self._numbers(), number]})

    def _numbers(self) -> list[str]:
        """The numbers of the run's jobs."""
        return [str(number) for number in (self._spool.read(self._file) or {}).get("jobs", [])]

    def _count_live(self) -> int | None:
        """How many jobs wait or run; None where Slurm does not say.

        By name: a driver that was killed as it submitted has not stored their number.
        """
        command = ["squeue", "--noheader", "--array", f"--name={job_name(self._run)}",
                   "--format=%T"]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return None if done.returncode else len(done.stdout.split())

    def _last_words(self) -> str:
        """The end of what the newest job printed."""
        files = sorted((self._run / LOGS).glob("*.txt"), key=lambda file: file.stat().st_mtime_ns)
        for file in reversed(files):
            lines = file.read_text("utf-8", "replace").split("\n")
            if text := "\n".join(lines[-20:]).strip():
                return f"the last one said, in {str(file)!r}:\n{text}"
        return f"they printed nothing into {str(self._run / LOGS)!r}"

    def _how_to_start(self) -> str:
        return f"jobs {' '.join(self._numbers())} wait in the queue of Slurm; see `squeue --me`"

    def _how_to_end(self) -> str:
        numbers = self._numbers() or [f"--name={job_name(self._run)}"]
        return f"To end them: scancel {' '.join(numbers)}"

    def close(self) -> None:
        """Ends the run's jobs, unless the driver leaves."""
        ends = self._is_open and not self._leaves
        super().close()  # running ones end by themselves
        if ends:  # by name, as they are counted
            command = ["scancel", "--state=PENDING", f"--name={job_name(self._run)}"]
            subprocess.run(command, check=False, capture_output=True)


def make(settings: Settings, folder: Path, address: str) -> SlurmExecutor:
    """The executor of an address; see `slurm_address`."""
    is_detached = DETACH in address.split("&")
    return SlurmExecutor(settings, folder, slurm_options(address), is_detached)
