"""The command `worker`."""

import signal
from pathlib import Path

import click

from stepladder.cli import signals
from stepladder.cli.options import ALLOW_CODE, PLACE


@click.command()
@click.argument("run", metavar="RUN", type=PLACE)
@click.option(
    "--idle", type=click.FloatRange(min=0), default=600.0, show_default=True, metavar="SECONDS",
    help="End after so long without a task.",
)  # fmt: skip
@ALLOW_CODE
def worker(run: Path, idle: float, allow_code: bool) -> None:
    """Trains what a run has queued in its folder.

    RUN is the folder; its driver runs with --executor spool.

    Start it on any machine that sees the folder, as often as that has free cores. It ends when the
    run is over. SIGTERM and SIGUSR1 have it write a checkpoint and give its task back; after
    SIGUSR1, with which Slurm warns of the end of a job's time, the job is queued again.
    """
    from stepladder.execution.slurm import requeue_job
    from stepladder.runs.worker import SpoolWorker

    program = SpoolWorker(run, idle, allow_code)
    warned: list[int] = []

    def stop(number: int, _: object) -> None:
        warned.append(number)
        program.stop()

    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
    trained = program.run()
    click.echo(f"{trained} trial(s) trained.", err=True)
    if warned and warned[0] == getattr(signal, "SIGUSR1", None):
        requeue_job()
    elif warned:  # a pod that ends with 0 is not started again
        raise click.exceptions.Exit(signals.INTERRUPTED)
