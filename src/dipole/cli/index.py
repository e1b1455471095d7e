"""`dipole index`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from dipole.cli.options import Device, TrustCode
from dipole.cli.outputs import check_place
from dipole.cli.trained import check_bad_rows, columns_of, say_skipped
from dipole.errors import InputError
from dipole.showing import say

if TYPE_CHECKING:
    from dipole.encoders.quantizing import VectorPrecision
    from dipole.retrieval import Index
    from dipole.retrieval.corpus import Corpus

# Inside an index: field -> column of the file that it was made of.
COLUMNS = "columns.json"


def index(
    out: Annotated[Path, typer.Option(help="Folder for the index.")],
    run: Annotated[
        str | None,
        typer.Argument(
            help="Run, model folder or hub id. Only needed for a new index, which keeps a copy.",
            show_default=False,
        ),
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option(
            help="Documents: a file (jsonl, csv, tsv, parquet, npz), a BEIR folder, stdlib-code, "
            "or your own function (file.py:name)."
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            help="Column with the text.",
            show_default="the positives of RUN or of the index, if present; else text, body, ...",
        ),
    ] = None,
    id: Annotated[
        str | None,
        typer.Option("--id", help="Column with the ids. Default: id, _id, else row numbers."),
    ] = None,
    add: Annotated[
        bool, typer.Option("--add", help="Add the corpus to an existing index; ids must be new.")
    ] = False,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Add the corpus to an existing index, overwriting documents with the same id.",
        ),
    ] = False,
    delete: Annotated[
        list[str] | None,
        typer.Option(
            help="Id of a document to remove; repeatable. @FILE reads ids from a file, "
            "one per line."
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            help="What a new index keeps of its vectors: float32, int8 (3.6 times smaller) or "
            "ubinary (32 times).",
            show_default="float32",
        ),
    ] = None,
    on_bad_row: Annotated[
        str, typer.Option(help="What to do with bad rows: error (stop) or skip (and count them).")
    ] = "error",
    device: Device = None,
    trust_code: TrustCode = False,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="If another process is writing to the index, wait for it."),
    ] = False,
) -> None:
    """Create a search index, or add, replace or delete its documents.

    A change is applied completely or not at all.

    Example: dipole index runs/first --corpus docs.jsonl --out docs.index
    """
    asked = [name for name, on in (("--add", add), ("--replace", replace)) if on]
    asked += ["--delete"] if delete else []
    if len(asked) > 1:
        raise InputError(f"{' and '.join(asked)}: found together; expected one at a time")
    if asked and precision is not None:
        raise InputError(f"--precision {precision}: an index keeps the one it was made with; "
                         f"expected none beside {asked[0]}")  # fmt: skip
    if delete:
        if corpus is not None:
            raise InputError("--delete takes ids; expected no --corpus beside it")
        _delete(_open(out, run), delete, wait)
    elif corpus is None:
        raise InputError("no documents given; expected --corpus FILE (or --delete ID)")
    elif asked:
        found = _open(out, run)
        before = _columns(out)
        text = text or _there(corpus, before.get("text")) or _there(corpus, _positive(run))
        id = id or _there(corpus, before.get("id"))
        _change(found, _read(corpus, text, id, on_bad_row), replace, wait)
    else:
        _create(out, run, corpus, text, id, precision or "float32", on_bad_row, wait)


def _create(
    out: Path,
    run: str | None,
    corpus: str,
    text: str | None,
    id: str | None,
    precision: str,
    on_bad_row: str,
    wait: bool,
) -> None:
    from dipole.encoders import load_encoder
    from dipole.files import write_text
    from dipole.retrieval import Index
    from dipole.retrieval.small_vectors import check_precision
    from dipole.retrieval.store import check_new

    check_precision(precision)
    if run is None:
        raise InputError(
            "no model given; expected dipole index RUN --corpus FILE --out INDEX "
            "(or --add or --replace for an index that is there)"
        )
    check_new(out.expanduser())  # before anything that takes time
    check_place("--out", out)
    text = text or _there(corpus, _positive(run))
    documents = _read(corpus, text, id, on_bad_row)
    kept = cast("VectorPrecision", precision)
    made = Index.create(
        out, load_encoder(run), documents, precision=kept, show_progress=True, wait=wait
    )
    if documents.columns:
        write_text(out.expanduser() / COLUMNS, json.dumps(documents.columns) + "\n")
    say(f"indexed {len(made):,} documents in {out}")
    say(f'search it: dipole search {out} "what you look for"')


def _change(found: Index, documents: Corpus, replace: bool, wait: bool) -> None:
    before = len(found)
    if replace:
        count = found.replace(documents, show_progress=True, wait=wait)
        new = len(found) - before
        say(f"replaced {count - new:,}, added {new:,}; documents in the index: {len(found):,}")
    else:
        count = found.add(documents, show_progress=True, wait=wait)
        say(f"added {count:,}; documents in the index: {len(found):,}")


def _delete(found: Index, given: list[str], wait: bool) -> None:
    ids: list[str] = []
    for item in given:
        ids += _lines(Path(item[1:])) if item.startswith("@") else [item]
    ids = list(dict.fromkeys(ids))
    count = found.delete(ids, wait=wait)
    lost = len(ids) - count
    missing = f" ({lost:,} of the ids {'is' if lost == 1 else 'are'} not in it)" if lost else ""
    say(f"deleted {count:,}{missing}; documents in the index: {len(found):,}")


def _open(out: Path, run: str | None) -> Index:
    from dipole.retrieval import Index

    found = Index.open(out)
    if run is None:
        return found
    from dipole.encoders import load_encoder

    return Index.open(out, load_encoder(run))


def _columns(out: Path) -> dict[str, str]:
    """Which columns of a file the documents of an index were: what is added is read alike."""
    try:
        found = json.loads((out.expanduser() / COLUMNS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _positive(run: str | None) -> str | None:
    """The column of the texts that a run was trained to find."""
    return columns_of(run).get("positive")


def _there(corpus: str, column: str | None) -> str | None:
    """The column, if the corpus has it."""
    from dipole.data.peeking import columns_among

    return column if column and columns_among(corpus, "all", [column]) else None


def _read(corpus: str, text: str | None, id: str | None, on_bad_row: str) -> Corpus:
    from dipole.retrieval import read_corpus

    documents = read_corpus(corpus, text, id, check_bad_rows(on_bad_row))
    say(f"reading {documents.origin}", error=True)
    say_skipped(documents.skipped)
    return documents


def _lines(path: Path) -> list[str]:
    try:
        lines = path.expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise InputError(f"{path}: {reason}; expected a file with one id a line") from None
    return [line for line in lines if line.strip()]
