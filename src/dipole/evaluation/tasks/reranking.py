"""Reranking: does a system put the relevant ones of given candidates first?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.data.same import exact_key
from dipole.errors import InputError
from dipole.evaluation.encoding import Encode, encode_function, finite, given
from dipole.evaluation.measures import RERANKING, check_reach, measures_of
from dipole.evaluation.result import Result, Run
from dipole.evaluation.tasks.retrieval import nothing_to_rank, run_result

if TYPE_CHECKING:
    from dipole.data import Ranked
    from dipole.data.memory import Table

# Queries whose candidates are encoded together.
QUERIES = 1024


def evaluate_reranking(
    encoder: Any, data: Ranked | Table, *, at: Sequence[int] | None = None,
    measures: Sequence[str] | None = None, system: str = "encoder", seed: int = 0,
    show_progress: bool = False,
) -> Result:  # fmt: skip
    """Order the candidates of each query by dot product and measure: MAP, MRR, nDCG@10.

    Other measures and cut-offs: `measures` and `at`, as of `measures_of`.

    By trec_eval's own code: relevance is the gain of nDCG, for the others a candidate is relevant
    from 1 on. Of equal scores the later candidate comes first: most lists begin with the relevant
    ones, which must not help a system that cannot tell them apart. A query without a relevant
    candidate is left out and counted in `notes`.

    Raises InputError: no queries, none with a relevant candidate, a relevance that is no whole
    number, a cut-off beyond the longest list, vectors that are not finite, scores that are all the
    same.
    """
    rows: Ranked = given(data, "reranking", "Ranked")
    if not len(rows):
        raise InputError("reranking: no queries; expected at least one")
    wanted = measures_of(measures, at, RERANKING)
    if at is not None or measures is not None:
        longest = max(len(candidates) for candidates in rows.column("candidates"))
        check_reach(wanted, longest, f"the longest list has {longest} candidates")
    encode = encode_function(encoder, show_progress)
    run: Run = {}
    qrels: dict[str, dict[str, int]] = {}
    differ = False
    for start in range(0, len(rows), QUERIES):
        part = rows.take(range(start, min(start + QUERIES, len(rows))))
        offered = {exact_key(t): t for row in part["candidates"] for t in row}
        texts, place = list(offered.values()), {key: row for row, key in enumerate(offered)}
        queries = _vectors(encode, part["query"], "query", part["id"], system)
        found = _vectors(encode, texts, "document", texts, system)
        for row, identity in enumerate(part["id"]):
            candidates, relevance = part["candidates"][row], part["relevance"][row]
            scores = found[[place[exact_key(text)] for text in candidates]] @ queries[row]
            differ = differ or bool(np.ptp(scores) > 1e-7 * np.abs(scores).max())
            names = [f"{number:09d}" for number in range(len(candidates))]
            run[identity] = dict(zip(names, scores.tolist(), strict=True))
            grades = [_grade(value, identity) for value in relevance]
            qrels[identity] = dict(zip(names, grades, strict=True))
    if not differ:
        raise InputError(
            f"{system}: the candidates of every query have the same score; expected scores that "
            "differ (the model has collapsed, or knows none of the words)"
        )
    full = sum(min(grades.values(), default=0) > 0 for grades in qrels.values())
    notes = nothing_to_rank(full, "every candidate")
    return run_result("reranking", run, qrels, wanted, notes=notes, system=system, seed=seed)


def _vectors(
    encode: Encode, texts: list[str], role: str, names: list[str], system: str
) -> np.ndarray:
    # An id names a query and its candidates, so stored vectors are looked up by text.
    return finite(encode(texts, role), names, role, system).astype(np.float64)


def _grade(value: float, identity: str) -> int:
    if value != int(value):
        raise InputError(
            f"reranking: query {identity!r} has a candidate of relevance {value}; "
            "expected whole numbers"
        )
    return int(value)
