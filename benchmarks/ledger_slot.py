"""A slot that renders nothing: leases stems, makes their results up, commits them, and notes how long the ledger took.

python -m benchmarks.ledger_slot URL ROUNDS BATCH      what `benchmarks.ledger_scale` starts several of; prints JSON
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from dataclasses import asdict, dataclass, field

from benchmarks.ledger_fill import ENGINE, sha
from farm.ledger import Ledger, StemCommit, StemLease, open_ledger
from schemas.job import RenderJob
from schemas.result import EngineReport, RenderCost, StemMeasurement, StemResult, Verdict
from schemas.states import VerdictStatus

#: Stems of a lease and of a commit.
BATCH = 64


@dataclass(slots=True)
class Rounds:
    """What leases and commits of a slot took, a round being one of each."""

    stems: list[int] = field(default_factory=list)
    lease_s: list[float] = field(default_factory=list)
    commit_s: list[float] = field(default_factory=list)

    @property
    def stems_per_s(self) -> float:
        """Stems that the median round leases and commits per second."""
        took = zip(self.stems, self.lease_s, self.commit_s, strict=True)
        return statistics.median(stems / (lease_s + commit_s) for stems, lease_s, commit_s in took)


def result_of(job: RenderJob) -> StemResult:
    """Return the result of a render, as large as those of real stems."""
    measured = StemMeasurement(
        frames=8_820_000, rate_hz=44100, channels=2, peak=0.5123, rms=0.1234, loudness_lufs=-20.31, dc=[1e-5, -2e-5],
        nonfinite=0, flat_run_frames=1, first_sound_s=0.512, last_sound_s=199.2, tail_peak=0.0001, flatness=0.1234,
        active_regions=[(float(start), start + 15.25) for start in range(0, 200, 20)],
    )  # fmt: skip
    engine = EngineReport(
        preset_name="Steel Guitar", preset_bank=job.patch.bank, preset_program=job.patch.program, notes=400,
        first_audible_note_s=0.5, last_release_s=198.75, voices_max=12,
    )  # fmt: skip
    return StemResult(
        spec_hash=job.spec_hash, data_hash=sha(job.spec_hash), engine=engine, measured=measured,
        verdict=Verdict(status=VerdictStatus.PASS),
    )  # fmt: skip


def commit_of(lease: StemLease) -> StemCommit:
    """Return the commit of a lease that was rendered well."""
    cost = RenderCost(render_s=0.45, load_s=1.0, cold=False, rss_mb=200.0)
    return StemCommit(lease.stem_id, lease.epoch, result_of(lease.job), cost)


def work(ledger: Ledger, rounds: int, *, host: str = "measuring", batch: int = BATCH) -> Rounds:
    """Lease and commit batch after batch, each of another patch: no slot has anything warm."""
    slot = ledger.register_slot(host, os.getpid(), ENGINE)
    found = Rounds()
    for _ in range(rounds):
        began = time.perf_counter()
        leases = ledger.lease_stems(slot, engine=ENGINE, warm_key=None, limit=batch)
        leased = time.perf_counter()
        if not leases:
            break
        commits = [commit_of(lease) for lease in leases]
        ready = time.perf_counter()
        if not all(ledger.commit_stems(slot, commits)):
            raise RuntimeError("stems that were leased to this slot alone could not be committed")
        found.stems.append(len(leases))
        found.lease_s.append(leased - began)
        found.commit_s.append(time.perf_counter() - ready)
    ledger.retire_slot(slot)
    return found


def main() -> int:
    """Work in this process; waits for a line on standard input, so that several begin at once."""
    url, rounds, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    ledger = open_ledger(url)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    sys.stdout.write(json.dumps(asdict(work(ledger, rounds, host=f"host-{os.getpid()}", batch=batch))) + "\n")
    ledger.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
