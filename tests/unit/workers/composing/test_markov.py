from __future__ import annotations

from itertools import pairwise

from schemas.genre import Matrix
from workers.composing.draws import Stream
from workers.composing.markov import walk

SECOND = Matrix(
    order=2,
    init_probs={"I": 1},
    transitions={"I": {"IV": 1}, "I,IV": {"V": 1}, "IV,V": {"vi": 1}, "V": {"I": 1}},
)


def test_a_chain_goes_by_pairs_then_by_single_symbols_then_from_the_start() -> None:
    # After (V, vi) there is neither a row of the pair nor one of vi: it begins anew.
    assert walk(SECOND, 9, Stream("x")) == ["I", "IV", "V", "vi", "I", "IV", "V", "vi", "I"]


def test_a_chain_of_first_order_never_looks_at_pairs() -> None:
    assert walk(SECOND.model_copy(update={"order": 1}), 5, Stream("x")) == ["I", "IV", "I", "IV", "I"]


def test_a_row_without_weight_counts_as_none() -> None:
    matrix = Matrix(init_probs={"I": 1}, transitions={"I": {"V": 0}})
    assert walk(matrix, 3, Stream("x")) == ["I", "I", "I"]


def test_weights_need_not_sum_to_one() -> None:
    matrix = Matrix(init_probs={"a": 1}, transitions={"a": {"b": 30, "a": 10}, "b": {"a": 7}})
    chain = walk(matrix, 4000, Stream("weights"))
    after = [now for before, now in pairwise(chain) if before == "a"]
    assert 0.71 < after.count("b") / len(after) < 0.79
