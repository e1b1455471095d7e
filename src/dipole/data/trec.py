"""TREC files: relevance judgements (qrels) and runs, read strictly and written atomically."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from dipole.data.converting import BadRows, OnBadRow
from dipole.data.lines import lines_of
from dipole.data.rows import Bad, BadValueError, is_number, number_of, shown
from dipole.errors import InputError
from dipole.files import replaced

Qrels = dict[str, dict[str, int]]
Run = dict[str, dict[str, float]]


def read_qrels(
    path: str | Path,
    on_bad_row: OnBadRow | BadRows = "error",
    problem: Callable[[str, str], str | None] = lambda query, document: None,
) -> Qrels:
    """Query id -> {document id: relevance} of a file in TREC's or BEIR's form.

    TREC: `query 0 document relevance`, apart by blanks. BEIR: a header line, then
    `query<TAB>document<TAB>relevance`. `problem` may say what is wrong with a query and document.

    Raises:
        InputError: file, row, what was found, what was expected.
    """
    path = Path(path)
    bad_rows = on_bad_row if isinstance(on_bad_row, BadRows) else BadRows(str(path), on_bad_row)
    qrels: Qrels = {}
    for number, line in _lines(path, bad_rows):
        tabs = line.count("\t") == 2
        fields = line.split("\t") if tabs else line.split()
        try:
            if tabs:
                query, document, value = fields
                if number == 1 and not is_number(value):
                    continue  # BEIR's header line
            elif len(fields) == 4:
                query, _, document, value = fields
            else:
                raise BadValueError(
                    f"found {len(fields)} fields; expected 'query 0 document relevance' "
                    "or query, document and relevance apart by tabs"
                )
            relevance = number_of(value, "relevance")
            if not relevance.is_integer():
                raise BadValueError(f"found the relevance {value}; expected a whole number")
            if document in qrels.get(query, ()):
                raise BadValueError(
                    f"found query {shown(query)} with document {shown(document)} again; "
                    "expected every pair once"
                )
            wrong = problem(query, document)
            if wrong is not None:
                raise BadValueError(wrong)
            qrels.setdefault(query, {})[document] = int(relevance)
        except BadValueError as error:
            bad_rows(number, str(error))
    if not qrels:
        raise InputError(f"{path}: found no judgements; expected at least one")
    return qrels


def read_run(path: str | Path, on_bad_row: OnBadRow | BadRows = "error") -> Run:
    """Query id -> {document id: score} of a TREC run (`query Q0 document rank score tag`).

    The score decides the order; the rank is not looked at (tools disagree where it starts).
    """
    path = Path(path)
    bad_rows = on_bad_row if isinstance(on_bad_row, BadRows) else BadRows(str(path), on_bad_row)
    run: Run = {}
    for number, line in _lines(path, bad_rows):
        fields = line.split()
        try:
            if len(fields) != 6:
                raise BadValueError(
                    f"found {len(fields)} fields; expected 'query Q0 document rank score tag'"
                )
            query, _, document, _, value, _ = fields
            score = number_of(value, "score")
            if document in run.get(query, ()):
                raise BadValueError(
                    f"found query {shown(query)} with document {shown(document)} again; "
                    "expected every pair once"
                )
            run.setdefault(query, {})[document] = score
        except BadValueError as error:
            bad_rows(number, str(error))
    if not run:
        raise InputError(f"{path}: found no results; expected at least one")
    return run


def write_qrels(path: str | Path, qrels: Mapping[str, Mapping[str, int]]) -> None:
    """Write judgements in TREC's form."""
    _write(
        Path(path),
        (
            f"{_word(query)} 0 {_word(document)} {relevance}\n"
            for query, judged in qrels.items()
            for document, relevance in judged.items()
        ),
    )


def write_run(
    path: str | Path, run: Mapping[str, Mapping[str, float]], tag: str = "dipole"
) -> None:
    """Write a run, best document first, ranks from 1; scores read back exactly."""

    def lines() -> Iterator[str]:
        for query, scores in run.items():
            ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
            for rank, (document, score) in enumerate(ranked, start=1):
                name = _word(document)
                yield f"{_word(query)} Q0 {name} {rank} {float(score)!r} {_word(tag)}\n"

    _write(Path(path), lines())


def _lines(path: Path, bad_rows: BadRows) -> Iterator[tuple[int, str]]:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    for number, line in lines_of(path):
        if isinstance(line, Bad):
            bad_rows(number, line.message)
        elif line and not line.isspace():
            yield number, line.rstrip("\r\n")


def check_words(option: str, queries: Iterable[str], documents: Iterable[str]) -> None:
    """Raise InputError where an id cannot stand in a TREC file: before the work, not after it."""
    for what, ids in (("query", queries), ("document", documents)):
        for identity in ids:
            if not _is_word(identity):
                raise InputError(
                    f"{option}: the {what} id {identity!r} holds blanks, a TREC file has none in "
                    "ids; expected ids of one word (or --per-query FILE.jsonl)"
                )


def _is_word(name: str) -> bool:
    return len(name.split()) == 1 and name == name.strip()


def _word(name: str) -> str:
    if not _is_word(name):
        raise InputError(f"id {name!r}: TREC files cannot hold blanks in ids; expected one word")
    return name


def _write(path: Path, lines: Iterable[str]) -> None:
    """The whole file or none of it."""
    with replaced(path) as new, open(new, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(lines)
