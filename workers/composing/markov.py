"""Chains of symbols: each drawn from what came before it, of first or second order."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.genre import Matrix
from workers.composing.draws import Stream


def walk(matrix: Matrix, length: int, stream: Stream) -> list[str]:
    """Return a chain of symbols.

    The first is drawn from `init_probs`; each other one from the row of the last two symbols (second order), where there
    is none from that of the last, and where there is none again from `init_probs`.
    """
    chain: list[str] = []
    while len(chain) < length:
        chain.append(stream.choice(_row(matrix, chain)))
    return chain


def _row(matrix: Matrix, chain: list[str]) -> Mapping[str, float]:
    rows = [",".join(chain[-2:])] if matrix.order == 2 and len(chain) > 1 else []
    rows += chain[-1:]
    for row in rows:
        weights = matrix.transitions.get(row)
        if weights and any(weights.values()):
            return weights
    return matrix.init_probs
