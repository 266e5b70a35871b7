"""`python -P -m workers.evaluating`: tries the audio score for the control plane, which starts it by this name.

It reads one order from standard input (`schemas.evaluation`) and answers on standard output, one JSON object a line.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys

from schemas.errors import FarmError
from schemas.evaluation import EvalAnswer, EvalOrder
from schemas.plan import EnginePlan
from workers.config import WorkerSettings
from workers.evaluating.songs import Player, playing
from workers.evaluating.trials import reliability, validity


def main() -> int:
    """Do the order of standard input."""
    order = EvalOrder.model_validate_json(sys.stdin.readline())
    try:
        if order.folder is not None:
            _tell(_tried(order, None))
        else:
            engine = EnginePlan() if order.plan is None else order.plan.engine
            with playing(engine, library=WorkerSettings().fluidsynth) as player:
                _tell(_tried(order, player))
    except FarmError as error:
        _tell(EvalAnswer(error={"reason": error.reason, "message": error.message, "hint": error.hint}))
        return error.exit_code
    return 0


def _tried(order: EvalOrder, player: Player | None) -> EvalAnswer:
    def progress(done: int, songs: int) -> None:
        _tell(EvalAnswer(progress=(done, songs)))

    if order.trial == "validity":
        return EvalAnswer(validity=validity(order, player, progress))
    return EvalAnswer(reliability=reliability(order, player, progress))


def _tell(answer: EvalAnswer) -> None:
    sys.stdout.write(answer.model_dump_json(exclude_none=True) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
