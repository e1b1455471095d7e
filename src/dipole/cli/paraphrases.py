"""`dipole paraphrases`."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dipole.cli.options import Device, TrustCode
from dipole.cli.outputs import check_new_file, write_all
from dipole.cli.trained import check_bad_rows, load_or_pretrained, say_skipped
from dipole.errors import InputError
from dipole.showing import counted, say

if TYPE_CHECKING:
    import numpy as np

    from dipole.retrieval.documents import Document
    from dipole.retrieval.similar_pairs import Paraphrases

_SUFFIXES = (".jsonl", ".csv")


def paraphrases(
    data: Annotated[
        str,
        typer.Argument(help="Texts: a file (jsonl, csv, tsv, parquet), a BEIR folder or a name."),
    ],
    out: Annotated[Path, typer.Option(help="New file for the pairs, .jsonl or .csv.")],
    model: Annotated[
        str | None,
        typer.Option(
            help="Run, model folder or hub id. Default: the pretrained model installed here."
        ),
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="Column with the text. Default: text, body, ...")
    ] = None,
    id: Annotated[
        str | None,
        typer.Option("--id", help="Column with the ids. Default: id, _id, else row numbers."),
    ] = None,
    threshold: Annotated[
        float,
        typer.Option(
            help="Lowest cosine similarity of a pair, or to a group's centre.", min=-1, max=1
        ),
    ] = 0.75,
    most: Annotated[
        int, typer.Option(help="Keep at most N pairs, the most similar.", min=1)
    ] = 100_000,
    communities: Annotated[
        Path | None, typer.Option(help="New file for groups of similar texts, .jsonl or .csv.")
    ] = None,
    min_size: Annotated[int, typer.Option(help="Size of the smallest group.", min=1)] = 3,
    on_bad_row: Annotated[
        str, typer.Option(help="What to do with bad rows: error (stop) or skip (and count them).")
    ] = "error",
    device: Device = None,
    trust_code: TrustCode = False,
) -> None:
    """Find texts that say the same, as pairs and as groups.

    Compares every text with every other, exactly. Duplicates are compared only once.

    Example: dipole paraphrases questions.csv --out pairs.jsonl --communities groups.jsonl
    """
    from dipole.retrieval import read_corpus
    from dipole.retrieval.similar_pairs import communities as grouped
    from dipole.retrieval.similar_pairs import paraphrases as paired

    for name, path in (("--out", out), ("--communities", communities)):
        if path is not None:
            if path.suffix not in _SUFFIXES:
                raise InputError(f"{name} {path}: expected a name that ends in .jsonl or .csv")
            check_new_file(name, path)
    if communities is not None and communities.resolve() == out.resolve():
        raise InputError(f"{out}: given twice, to --communities too; expected two files")
    encoder = load_or_pretrained(model, "--model")
    documents = read_corpus(data, text, id, check_bad_rows(on_bad_row))
    say(f"reading {documents.origin}", error=True)
    say_skipped(documents.skipped)
    kept: dict[str, Document] = {}
    for document in documents:
        kept.setdefault(document.text, document)  # of equal ones the first
    texts = list(kept.values())
    if again := len(documents) - len(texts):
        say(f"taken once: {counted(again, 'row')} with the text of an earlier one", error=True)
    vectors = encoder.encode([document.text for document in texts], role="document")
    found = paired(vectors, threshold=threshold, most=most)
    files: list[tuple[Path, Callable[[Path], None]]] = [
        (out, lambda path: _write_pairs(path, out.suffix, texts, found))
    ]
    groups: list[np.ndarray] = []
    if communities is not None:
        suffix = communities.suffix
        groups = grouped(vectors, threshold=threshold, min_size=min_size)
        files.append((communities, lambda path: _write_groups(path, suffix, texts, groups)))
    write_all(files)
    say(f"{counted(len(found.scores), 'pair')} of {counted(len(texts), 'text')} in {out}")
    if communities is not None:
        inside = sum(map(len, groups))
        say(f"{counted(len(groups), 'group')} of {counted(inside, 'text')} in {communities}")


def _write_pairs(path: Path, suffix: str, texts: Sequence[Document], found: Paraphrases) -> None:
    names = ("score", "first", "second", "first_id", "second_id")
    rows = (
        (round(float(score), 6), texts[i].text, texts[j].text, texts[i].id, texts[j].id)
        for score, (i, j) in zip(found.scores, found.rows, strict=True)
    )
    _write(path, suffix, names, rows)


def _write_groups(
    path: Path, suffix: str, texts: Sequence[Document], groups: Sequence[np.ndarray]
) -> None:
    """A line a group; in a csv a line for each text."""
    if suffix == ".csv":
        rows = ((n, texts[i].id, texts[i].text) for n, group in enumerate(groups, 1) for i in group)
        _write(path, suffix, ("community", "id", "text"), rows)
        return
    lines = (
        (n, len(group), [texts[i].id for i in group], [texts[i].text for i in group])
        for n, group in enumerate(groups, 1)
    )
    _write(path, suffix, ("community", "size", "ids", "texts"), lines)


def _write(path: Path, suffix: str, names: Sequence[str], rows: Any) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        if suffix == ".csv":
            table = csv.writer(file)
            table.writerow(names)
            table.writerows(rows)
            return
        for row in rows:
            line = dict(zip(names, row, strict=True))
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
