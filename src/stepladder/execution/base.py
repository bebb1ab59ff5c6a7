"""The contract of executors: where groups of trials are trained, and what is heard of them.

The scheduler decides what is trained next, retries what was lost and stores what is finished; an
executor only carries tasks to processes and brings back what these say.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stepladder.data import Dataset
from stepladder.execution.machine import Settings
from stepladder.study.loading import ModelFile
from stepladder.training.function import UserSetup
from stepladder.training.groups import Group
from stepladder.training.messages import Message


@dataclass(frozen=True, eq=False)
class Job:
    """What all tasks of a run have in common.

    Attributes:
        dataset: what is trained on.
        settings: engine, environment and processes.
        checkpoints: folder of checkpoints, or None to keep none.
        models: the code of networks of the user's own.
        keeps_final: whether results include the final state of their trials.
        user: the training of the user's own, or None.
    """

    dataset: Dataset
    settings: Settings
    checkpoints: Path | None = None
    models: Sequence[ModelFile] = ()
    keeps_final: bool = False
    user: UserSetup | None = None


@dataclass(frozen=True)
class Task:
    """A group to train.

    Attributes:
        id: another one for each attempt.
        group: what is trained.
    """

    id: str
    group: Group


@dataclass(frozen=True)
class Event:
    """What is heard of a task.

    Attributes:
        task: its id; None where it is about no task.
        message: "kind" is one of

            - "started": a process has it; from now on silence is suspicious;
            - "queued": its process gave it back, and it waits for another one;
            - "ready": the process has imported what it needs;
            - "epoch": with the number under "epoch", 0 where compiling is done;
            - "result": a finished trial, a `TrialResult` under "result";
            - "failure": a trial of the user's own that failed, a `TrialFailure` under "failure";
            - "finished": its trials are done, and the place is free;
            - "lost": its process has ended without that, how under "problem"; "is_place" where the
              machine or the engine's worker has left, which may be no fault of the training;
            - "failed": an error that another process would meet too, under "message", "trace" and
              "is_input";
            - "note": something that the user should read, under "text".
        handled: called once an outcome is stored: only then may whoever sent it forget it.
    """

    task: str | None
    message: Message
    handled: Callable[[], object] | None = None


class Executor(Protocol):
    """Where tasks are trained.

    One whose tasks may go on without a driver also has `leave() -> str`: it is called when the user
    interrupts a run, before tasks are cancelled, and says how they go on and how to end them; and
    `end_left()`, which ends them after it is closed.

    Example:
        >>> class Nowhere:
        ...     name, free = "nowhere", ()
        ...     def open(self, job): ...
        ...     def submit(self, task, near=None): ...
        ...     def events(self, timeout): return []
        ...     def cancel(self, task_id): ...
        ...     def close(self): ...
        >>> executor: Executor = Nowhere()
    """

    name: str

    @property
    def free(self) -> Sequence[object]:
        """A program for each task that may be submitted now: the one that is compiled there.

        None stands for a place where none is.
        """

    def open(self, job: Job) -> None:
        """Prepares for the tasks of a job; those of the job before have ended.

        Raises:
            StepladderError: if it cannot train that job.
        """

    def submit(self, task: Task, near: object = None) -> None:
        """Has a task trained, in one of the free places.

        Args:
            task: with an id that was not used before.
            near: a program of `free`: where it is compiled is where the task should go.
        """

    def events(self, timeout: float) -> Sequence[Event]:
        """What is new, in order for each task; waits for so many seconds at most."""

    def cancel(self, task_id: str) -> None:
        """Ends a task; results that it has sent may still arrive, and nothing else of it."""

    def close(self) -> None:
        """Ends all tasks, and all that was started for them."""
