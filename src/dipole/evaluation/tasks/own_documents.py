"""Queries that are documents of the corpus (ArguAna, Quora): each would find itself first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from dipole.data import RetrievalData

Ranking = Mapping[str, Mapping[str, float]]


class Itself(NamedTuple):
    """Query -> the document that is the query itself, to be left out; and what to say of it."""

    document: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.document)


def queries_that_are_documents(data: RetrievalData, ignore: bool | None = None) -> Itself:
    """The documents to leave out of the ranking of their own query, and the note that says so.

    A document is the query itself where it has its id, or, of pairs, its text (`data.itself`). Not
    asked either way (`ignore` None), they are left out, as BEIR's evaluation does; unless one of
    them is judged relevant to its own query: then equal ids are a coincidence of numbering (as in
    Cranfield), and nothing is left out. True leaves them out in any case, as MTEB's
    `ignore_identical_ids` does.
    """
    texts: Mapping[str, str] = getattr(data, "itself", {})
    found = {q: q for q in data.queries if q in data.corpus} | dict(texts)
    if not found:
        return Itself({})
    what = "text" if texts else "id"
    count = f"{len(found):,} of {len(data.queries):,} queries"
    answers = [q for q, document in found.items() if data.qrels.get(q, {}).get(document, 0) > 0]
    if ignore is False:
        return Itself({}, (f"{count} are documents too ({what}), found in their own ranking",))
    if ignore is None and answers:
        note = (
            f"{count} share their id with a document, which answers {len(answers):,} of them: a "
            "coincidence, nothing is left out (--ignore-identical-ids leaves them out)"
        )
        return Itself({}, (note,))
    note = f"{count} are documents too (by {what}): left out of their own ranking"
    if answers:
        note += f"; {len(answers):,} of these documents are judged relevant and cannot be found"
    return Itself(found, (note,))


def without_itself(run: Ranking, itself: Itself, depth: int | None = None) -> Ranking:
    """The run without each query's own document, then cut to `depth` documents, best first."""
    if not itself:
        return run
    return {
        q: dict([(d, s) for d, s in documents.items() if d != itself.document.get(q)][:depth])
        for q, documents in run.items()
    }
