"""A Slurm of one node, of the tests' own, from the system's packages; and a double of its commands.

Debian: `apt-get install slurmctld slurmd slurm-client munge`. No systemd: daemons are started here.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_DAEMONS = ("munged", "slurmctld", "slurmd")
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])

_CONFIGURATION = """
ClusterName=tests
SlurmctldHost={node}(127.0.0.1)
SlurmUser=root
SlurmctldPort={port}
SlurmdPort={next_port}
AuthType=auth/munge
AuthInfo=socket={place}/munge.socket
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/slurmd
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/builtin
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
MpiDefault=none
KillWait=5
NodeName={node} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=tests Nodes={node} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Why none can be started here, or None."""
    lacking = [name for name in _DAEMONS if shutil.which(name, path=_PATH) is None]
    if lacking:
        return f"Slurm tests need apt-get install slurmctld slurmd munge, found no {lacking}"
    return None if os.geteuid() == 0 else "Slurm tests need root, which starts jobs of users"


def _free_port() -> int:
    """A port that, with the next one, nobody listens at; daemons of another run may be there."""
    for port in range(16817, 17817, 2):
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 1))
            return port
    raise AssertionError("Slurm needs two free ports, found none from 16817 to 17816")


class SlurmServer:
    """Daemons of one node, in a folder of their own; `environment` has its commands use them."""

    def __init__(self) -> None:
        port = _free_port()
        self.place = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.place.chmod(0o755)
        node = platform.node().partition(".")[0]
        for name in ("state", "slurmd"):
            (self.place / name).mkdir()
        configuration = self.place / "slurm.conf"
        configuration.write_text(_CONFIGURATION.format(
            node=node, port=port, next_port=port + 1, place=self.place, cpus=os.cpu_count()
        ))  # fmt: skip
        self.environment = {"SLURM_CONF": str(configuration)}
        self._started: list[subprocess.Popen[bytes]] = []
        try:
            self._start_munge()
            self._start("slurmctld", "-D", "-f", str(configuration))
            self._start("slurmd", "-D", "-f", str(configuration), "-N", node)
            self._wait_for("sinfo", "--noheader", "--format=%T", expected="idle")
        except AssertionError:
            self.remove()
            raise

    def _start_munge(self) -> None:
        folder = self.place / "munge"
        folder.mkdir(mode=0o700)
        key = folder / "key"
        key.write_bytes(os.urandom(64))
        key.chmod(0o400)
        self._start(
            "munged", "--foreground", "--force", f"--socket={self.place}/munge.socket",
            f"--key-file={key}", f"--pid-file={folder}/pid", f"--log-file={folder}/log",
            f"--seed-file={folder}/seed",
        )  # fmt: skip

    def _start(self, *words: str) -> None:
        program = shutil.which(words[0], path=_PATH)
        assert program is not None
        with (self.place / f"{words[0]}.out").open("wb") as out:
            self._started.append(subprocess.Popen(
                [program, *words[1:]], env={**os.environ, **self.environment}, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True,
            ))  # fmt: skip

    def _wait_for(self, *words: str, expected: str, seconds: float = 40.0) -> None:
        end = time.monotonic() + seconds
        while self.command(*words).strip() != expected:
            assert time.monotonic() < end, self.logs()
            time.sleep(0.2)

    def command(self, *words: str) -> str:
        """What a command of Slurm prints; nothing where it fails."""
        done = subprocess.run(words, env={**os.environ, **self.environment}, text=True,
                              capture_output=True, check=False)  # fmt: skip
        return done.stdout

    def logs(self) -> str:
        """What the daemons said."""
        files = sorted([*self.place.glob("*.out"), *self.place.glob("*.log")])
        return "\n".join(f"{file.name}: {file.read_text()[-2000:]}" for file in files)

    def remove(self) -> None:
        """Ends the daemons and removes the folder."""
        self.command("scancel", f"--user={os.geteuid()}")
        for process in reversed(self._started):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
        shutil.rmtree(self.place, ignore_errors=True)


_DOUBLE = """#!{python}
import json, os, signal, subprocess, sys
from pathlib import Path
place, name = Path({place!r}), os.path.basename(sys.argv[0])
options = dict(word.lstrip("-").partition("=")[::2] for word in sys.argv[1:])
with (place / "calls.txt").open("a") as calls:
    print(name, *sys.argv[1:], file=calls)

def jobs():
    return [json.loads(file.read_text()) for file in sorted(place.glob("*.job"))]

def lives(job):
    try:
        return job["pid"] is None or open(f"/proc/{{job['pid']}}/stat").read().split()[2] != "Z"
    except OSError:
        return False

if name == "sbatch":
    if options.get("partition") == "none":
        sys.exit("sbatch: error: invalid partition specified: none")
    script, number = sys.stdin.read(), 100 + len(jobs())
    first, last = map(int, options["array"].split("-"))
    for task in range(first, last + 1):
        pid = None
        if "hold" not in options:
            out = options["output"].replace("%A", str(number)).replace("%a", str(task))
            with open(out, "ab") as stream:
                pid = subprocess.Popen(["bash", "-c", script], stdin=subprocess.DEVNULL,
                    stdout=stream, stderr=stream, start_new_session=True,
                    env={{**os.environ, "SLURM_JOB_ID": str(number)}}).pid
        job = {{"number": number, "pid": pid, "name": options["job-name"]}}
        (place / f"{{number}}-{{task}}.job").write_text(json.dumps(job))
    print(number)
elif name == "squeue":
    for job in jobs():
        if job["name"] == options["name"] and lives(job):
            print("PENDING" if job["pid"] is None else "RUNNING")
elif name == "scancel":
    for file in place.glob("*.job"):
        if json.loads(file.read_text())["pid"] is None:
            file.unlink()
"""


class SlurmDouble:
    """Commands named as those of Slurm, which start processes of this machine at once.

    `--hold` has a job wait for ever, and the partition `none` is refused.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        commands = place / "bin"
        commands.mkdir(parents=True)
        for name in ("sbatch", "squeue", "scancel", "scontrol"):
            file = commands / name
            file.write_text(_DOUBLE.format(python=sys.executable, place=str(place)))
            file.chmod(0o755)
        self.environment = {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}

    def calls(self, name: str) -> list[str]:
        """How often a command was called, and how."""
        with contextlib.suppress(FileNotFoundError):
            lines = (self.place / "calls.txt").read_text().splitlines()
            return [line for line in lines if line.split()[0] == name]
        return []

    def pids(self) -> list[int]:
        """Processes of jobs."""
        import json

        jobs = [json.loads(file.read_text()) for file in self.place.glob("*.job")]
        return [job["pid"] for job in jobs if job["pid"] is not None]
