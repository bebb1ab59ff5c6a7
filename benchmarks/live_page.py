"""What readers of the live page cost a study that trains: it alone and it watched, by turns.

Run with `python benchmarks/live_page.py [READERS] [TURNS]`; 50 and 3 if left out. Each reader loads
the study's page every five seconds, as a browser with the page open does. Prints JSON: the
seconds of every run and the ratio of the medians. Readers are threads of this process, so their own
time counts against the study too.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EVERY = 5.0  # seconds: the pause that the page itself tells a browser
WORDS = ("run", "mnist", "--replicates", "2", "--epochs", "10")


def main() -> None:
    """Trains by turns and prints what it took."""
    readers, turns = (int(each) for each in [*sys.argv[1:], *("50", "3")[len(sys.argv) - 1 :]])
    alone: list[float] = []
    watched: list[float] = []
    loads: list[int] = []
    with tempfile.TemporaryDirectory() as place:
        _trained(Path(place) / "first")  # compiles
        for turn in range(turns):
            alone.append(_trained(Path(place) / f"alone-{turn}"))
            folder = Path(place) / f"watched-{turn}"
            with _read(folder, readers) as count:
                watched.append(_trained(folder))
            loads.append(len(count))
    ratio = statistics.median(watched) / statistics.median(alone)
    result = {"readers": readers, "alone": alone, "watched": watched, "pages": loads,
              "ratio": ratio}  # fmt: skip
    print(json.dumps(result, indent=2))


def _trained(folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "stepladder", *WORDS, "--out", str(folder)],
        check=True, capture_output=True,
    )  # fmt: skip
    return time.perf_counter() - began


@contextmanager
def _read(folder: Path, readers: int) -> Iterator[list[int]]:
    """Readers of a run's page from when it begins; gives the pages that they were sent."""
    sent: list[int] = []
    over = threading.Event()
    watching = threading.Thread(target=_watch, args=(folder, readers, sent, over))
    watching.start()
    try:
        yield sent
    finally:
        over.set()
        watching.join()


def _watch(folder: Path, readers: int, sent: list[int], over: threading.Event) -> None:
    while not (folder / "stepladder.db").exists():
        if over.wait(0.1):
            return
    served = subprocess.Popen(
        [sys.executable, "-m", "stepladder", "ui", str(folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert served.stdout is not None
        address = f"{served.stdout.readline().strip()}run/{folder.name}"
        every = [
            threading.Thread(target=_reader, args=(address, EVERY * place / readers, sent, over))
            for place in range(readers)
        ]
        for each in every:
            each.start()
        for each in every:
            each.join()
    finally:
        served.terminate()
        served.wait()


def _reader(address: str, first: float, sent: list[int], over: threading.Event) -> None:
    over.wait(first)
    while not over.is_set():
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:
                sent.append(len(answer.read()))
        except urllib.error.HTTPError as error:
            sent.append(-error.code)
        except OSError:
            sent.append(0)
        over.wait(EVERY)


if __name__ == "__main__":
    main()
