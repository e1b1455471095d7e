"""Measures of a ranking, by name and cut-off; every number comes from trec_eval's own code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dipole.data.inputs import real_number
from dipole.errors import InputError, optional
from dipole.lookup import find, is_place, nearest, reason

Qrels = Mapping[str, Mapping[str, int]]
Ranking = Mapping[str, Mapping[str, float]]

# Measures with a cut-off: our name -> trec_eval's with one, and its key for the whole ranking.
CUT = {
    "nDCG": ("ndcg_cut", "ndcg"),
    "MRR": ("recip_rank", "recip_rank"),
    "Recall": ("recall", None),
    "MAP": ("map_cut", "map"),
    "P": ("P", None),
    "Success": ("success", None),
}
# Measures that are cut at R, the number of relevant documents of the query.
AT_R = ("R-precision", "MAP@R")
NAMES = (*CUT, *AT_R)
# Where nothing else is asked for; 0 is the whole ranking.
RETRIEVAL = {"nDCG": (10,), "MRR": (10,), "Recall": (1, 10, 100), "MAP": (100,)}
RERANKING = {"MAP": (0,), "MRR": (0,), "nDCG": (10,)}
_MORE = {"P": (10,), "Success": (10,), **RETRIEVAL}


@dataclass(frozen=True)
class Measure:
    """A measure and its cut-off: 0 is the whole ranking (and R, for the measures at R)."""

    kind: str
    cut: int = 0

    @property
    def own(self) -> Callable[..., float] | None:
        """The function, of a measure of one's own."""
        return find("measure", self.kind, {}) if is_place(self.kind) else None

    @property
    def name(self) -> str:
        """As tables, JSON and files of single items call it."""
        return f"{self.kind}@{self.cut}" if self.cut else self.kind


def measures_of(
    names: Sequence[str] | None, at: Sequence[int] | None, default: Mapping[str, tuple[int, ...]]
) -> tuple[Measure, ...]:
    """The measures asked for.

    Args:
        names: nDCG, MRR, Recall, MAP, P, Success (each at every cut-off of `at`, else at its
            own), R-precision, MAP@R, or one of them with its cut-off, as P@5; or a function of your
            own, `file.py:name`, of (document -> score, document -> relevance) of one query. Not
            given: those of `default`.
        at: cut-offs, from 1 on.
        default: measure -> cut-offs of its own.

    >>> [m.name for m in measures_of(["P", "MAP@R"], [1, 5], RETRIEVAL)]
    ['P@1', 'P@5', 'MAP@R']
    """
    cuts = _cut_offs(at)
    found: dict[Measure, None] = {}
    used = False
    for name in default if names is None else names:
        kind, cut = _parsed(name)
        if cut or kind in AT_R or is_place(kind):
            found[Measure(kind, cut)] = None
            continue
        used = True
        for each in cuts or default.get(kind) or _MORE[kind]:
            found[Measure(kind, each)] = None
    if not found:
        raise InputError(f"measures: found none; expected some of {', '.join(NAMES)}")
    if cuts and not used:
        raise InputError(
            f"at: found cut-offs for {', '.join(m.name for m in found)}, which have their own; "
            f"expected a measure without one: {', '.join(CUT)}"
        )
    return tuple(found)


def deepest(measures: Iterable[Measure], qrels: Qrels) -> tuple[int, str]:
    """How deep a ranking must go for these measures, and which of them looks deepest."""
    needed = {m.name: m.cut for m in measures if m.cut}
    relevant = max((sum(g > 0 for g in judged.values()) for judged in qrels.values()), default=0)
    needed |= {m.name: relevant for m in measures if m.kind in AT_R}
    name = max(needed, key=needed.__getitem__, default="")
    return needed.get(name, 0), name


def check_reach(measures: Iterable[Measure], ranked: int, what: str) -> None:
    """Raise InputError where a cut-off lies beyond all that is ranked (`what` says how many)."""
    beyond = [m for m in measures if m.cut > ranked]
    if beyond:
        raise InputError(f"{beyond[0].name}: {what}; expected a cut-off of at most {ranked}")


def measured(run: Ranking, qrels: Qrels, measures: Sequence[Measure]) -> dict[str, np.ndarray]:
    """Measure -> one value per query of `qrels`; a query that `run` does not answer has 0.

    Relevance is the gain of nDCG, for the others a document is relevant from 1 on. Of a query
    with R relevant documents, r_i = 1 where the document at rank i is relevant:

        P@k = 1/k sum_{i <= k} r_i                Recall@k = 1/R sum_{i <= k} r_i
        R-precision = P@R                         Success@k = max_{i <= k} r_i
        MAP@k = 1/R sum_{i <= k} r_i P@i          MAP@R = 1/R sum_{i <= R} r_i P@i
        MRR@k = max_{i <= k} r_i / i

    All documents judged relevant count in R and in the ideal ranking of nDCG, those that were
    never ranked too. Equal scores (as float32) are ordered by id, the larger first.
    (trec_eval; MAP@R: Musgrave, Belongie and Lim, A metric learning reality check, ECCV 2020.)
    """
    pytrec_eval = optional("pytrec_eval", "search")
    asked = {q: {d: int(grade) for d, grade in judged.items()} for q, judged in qrels.items()}
    relevant = {q: sum(grade > 0 for grade in judged.values()) for q, judged in asked.items()}
    own = {m.kind: function for m in measures if (function := m.own) is not None}
    wanted = {_request(m) for m in measures if m.kind != "MAP@R" and m.kind not in own}
    if any(m.kind == "MAP@R" for m in measures):
        wanted |= {f"map_cut.{count}" for count in set(relevant.values()) if count}
    answered = {q: {d: float(s) for d, s in run[q].items()} for q in asked if run.get(q)}
    found = pytrec_eval.RelevanceEvaluator(asked, wanted).evaluate(answered)

    def value(measure: Measure, query: str) -> float:
        if measure.kind in own:
            return _of_own(measure.kind, own[measure.kind], answered.get(query, {}), asked[query])
        if query not in found:
            return 0.0
        key = f"map_cut_{relevant[query]}" if measure.kind == "MAP@R" else _key(measure)
        value = float(found[query][key])
        # trec_eval has no cut for the reciprocal rank: of 10, 1/10 still counts, 1/11 no longer.
        late = measure.kind == "MRR" and measure.cut and value < 1 / (measure.cut + 0.5)
        return 0.0 if late else value

    return {m.name: np.array([value(m, query) for query in asked]) for m in measures}


def _of_own(
    name: str, function: Callable[..., Any], ranked: Mapping[str, float], judged: Mapping[str, int]
) -> float:
    try:
        value = function(ranked, judged)
    except Exception as error:
        raise InputError(f"measure {name}: {reason(error, skip=1)}") from error
    return real_number(value, f"measure {name}")


def _request(measure: Measure) -> str:
    if measure.kind == "R-precision":
        return "Rprec"
    cut, whole = CUT[measure.kind]
    if whole is not None and (not measure.cut or cut == whole):
        return whole
    return f"{cut}.{measure.cut}"


def _key(measure: Measure) -> str:
    return _request(measure).replace(".", "_")


def _parsed(name: str) -> tuple[str, int]:
    """A measure's name as it is spelt, and its cut-off."""
    known = {each.lower(): each for each in NAMES}
    if is_place(name):
        find("measure", name, {})
        return name, 0
    text = name.strip().lower()
    if text in known:
        return known[text], 0
    found = re.fullmatch(r"(.+)@([0-9]{1,9})", text)
    kind = known.get(found[1]) if found else None
    if found and kind in CUT and int(found[2]) > 0:
        return str(kind), int(found[2])
    others = "one of the first six with a cut-off, as P@5"
    raise InputError(f"measure {name!r}: no such measure; {nearest(name.strip(), NAMES, others)}")


def _cut_offs(at: Sequence[int] | None) -> list[int]:
    if at is None:
        return []
    for cut in at:
        if isinstance(cut, bool) or not isinstance(cut, int | np.integer) or cut < 1:
            raise InputError(f"at: found {cut!r}; expected whole numbers from 1 on, as 1,3,10")
    if not len(at):
        raise InputError("at: found no cut-off; expected whole numbers from 1 on, as 1,3,10")
    return sorted({int(cut) for cut in at})
