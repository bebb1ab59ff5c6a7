"""A store in dictionaries that keeps the contract of `stepladder.store.Store`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from stepladder.errors import StoreError
from stepladder.store import ClaimOwner, Judgement, Look, Store, StudyRecord
from stepladder.store.base import digest_of
from stepladder.store.rows import (
    CURVE_FIELDS,
    decode_probes,
    decode_trial,
    encode_probes,
    encode_trial,
)
from stepladder.study.recipe import Recipe
from stepladder.trials.trial import TrialResult


class FakeStore(Store):
    """Passes the same tests as the stores in a database, and needs none.

    Trials are kept as rows, so that what comes back is a copy with the floats a database keeps.
    """

    def __init__(self) -> None:
        self._trials: dict[str, tuple[dict, list[dict], dict | None]] = {}
        self._studies: dict[str, StudyRecord] = {}
        self._looks: list[Look] = []
        self._judgements: list[Judgement] = []
        self._drivers: dict[str, ClaimOwner] = {}
        self._claims: dict[str, str] = {}
        self._closed = False

    def add(self, result: TrialResult) -> bool:
        self._check_open()
        row, epochs = encode_trial(result)
        self._claims.pop(row["id"], None)
        if row["id"] in self._trials:
            return False
        self._trials[row["id"]] = row, epochs, encode_probes(result)
        return True

    def claim(self, driver: ClaimOwner, ids: Iterable[str]) -> set[str]:
        self._check_open()
        self._drivers.setdefault(driver.id, driver)
        asked = list(ids)
        for each in asked:
            if each not in self._trials:
                self._claims.setdefault(each, driver.id)
        return {each for each in asked if self._claims.get(each) == driver.id}

    def claimed(self, ids: Iterable[str]) -> dict[str, ClaimOwner]:
        self._check_open()
        return {each: self._drivers[self._claims[each]] for each in ids if each in self._claims}

    def drivers(self) -> list[ClaimOwner]:
        self._check_open()
        return [self._drivers[each] for each in sorted(self._drivers)]

    def beat(self, driver_id: str) -> bool:
        self._check_open()
        if driver_id not in self._drivers:
            return False
        known = self._drivers[driver_id]
        self._drivers[driver_id] = replace(known, beat=known.beat + 1)
        return True

    def dismiss(self, driver_id: str, beat: int | None = None) -> bool:
        self._check_open()
        known = self._drivers.get(driver_id)
        if known is None or beat not in (None, known.beat):
            return False
        del self._drivers[driver_id]
        self._claims = {each: by for each, by in self._claims.items() if by != driver_id}
        return True

    def has(self, ids: Iterable[str]) -> set[str]:
        self._check_open()
        return self._trials.keys() & set(ids)

    def timings(self, dataset: str, engine: str) -> list[tuple[Recipe, float]]:
        self._check_open()
        found = [self._result(each, curves=False) for each in self._trials]
        return [
            (each.trial.config, each.seconds)
            for each in found
            if (each.trial.dataset, each.trial.engine) == (dataset, engine) and not each.diverged
        ]

    def results(self, ids: Iterable[str], curves: bool = True) -> dict[str, TrialResult]:
        self._check_open()
        return {each: self._result(each, curves) for each in ids if each in self._trials}

    def _result(self, trial_id: str, curves: bool) -> TrialResult:
        row, epochs, inside = self._trials[trial_id]
        columns = [[epoch[name] for epoch in epochs] for name in CURVE_FIELDS]
        numbers = [epoch["epoch"] for epoch in epochs]
        probes = decode_probes(inside, len(epochs)) if curves and inside else None
        return decode_trial(row, (numbers, columns) if curves else None, probes)

    def put_study(self, record: StudyRecord) -> None:
        self._check_open()
        earlier = self._studies.get(record.study.name, record)
        self._studies[record.study.name] = replace(record, seconds=earlier.seconds)

    def add_seconds(self, name: str, seconds: float) -> None:
        self._check_open()
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"seconds must be finite and not negative, found {seconds!r}")
        if name not in self._studies:
            raise StoreError(f"seconds must be added to a study of the store, found {name!r}")
        record = self._studies[name]
        self._studies[name] = replace(record, seconds=record.seconds + seconds)

    def study(self, name: str) -> StudyRecord | None:
        self._check_open()
        return self._studies.get(name)

    def studies(self) -> list[StudyRecord]:
        self._check_open()
        return [self._studies[name] for name in sorted(self._studies)]

    def look(self, study: str, fingerprint: str, trial_ids: Iterable[str], command: str) -> int:
        shown = set(trial_ids)
        digest = digest_of(shown)
        known = self.looks(fingerprint)
        if not shown or digest in {look.digest for look in known}:
            return len(known)
        at = datetime.now(UTC)
        self._looks.append(Look(study, fingerprint, digest, len(shown), command, at))
        return len(known) + 1

    def looks(self, fingerprint: str) -> list[Look]:
        self._check_open()
        return [look for look in self._looks if look.fingerprint == fingerprint]

    def keep_judgement(self, judgement: Judgement) -> bool:
        known = self.judgements(judgement.study, judgement.fingerprint)
        if judgement.digest in {each.digest for each in known}:
            return False
        self._judgements.append(judgement)
        return True

    def judgements(self, study: str, fingerprint: str) -> list[Judgement]:
        self._check_open()
        asked = (study, fingerprint)
        return [each for each in self._judgements if (each.study, each.fingerprint) == asked]

    def close(self) -> None:
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the store must be open, found it closed; open it again")
