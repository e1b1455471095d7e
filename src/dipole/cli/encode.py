"""`dipole encode`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from dipole.cli.options import Devices, TrustCode
from dipole.cli.outputs import check_file
from dipole.cli.trained import check_bad_rows, columns_of, load_named, say_skipped
from dipole.errors import InputError
from dipole.showing import counted, say


def encode(
    model: Annotated[str, typer.Argument(help="Run, model folder or hub id.")],
    data: Annotated[
        str,
        typer.Option(
            help="Texts or images: a file (jsonl, csv, tsv, parquet, npz), a folder or zip file of "
            "images, a name, a hub id, or a function of yours, file.py:name."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="New file of the vectors: .npy (ids in NAME.txt), .parquet or .jsonl; of a sparse "
            "encoder also .npz (scipy's CSR, ids in NAME.txt); of colbert .npz alone."
        ),
    ],
    column: Annotated[
        str | None,
        typer.Option(
            help="Column to encode.",
            show_default="RUN's for this role, where it is there; text, input, sentence, ...",
        ),
    ] = None,
    id: Annotated[
        str | None,
        typer.Option("--id", help="Column of the ids.", show_default="id, _id, row numbers"),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Column to write beside the vectors (.parquet, .jsonl); repeatable."),
    ] = None,
    role: Annotated[
        str, typer.Option(help="query or document; of several towers also a column or tower.")
    ] = "document",
    truncate: Annotated[
        int | None,
        typer.Option(help="Keep only the first N dimensions (Matryoshka models)."),
    ] = None,
    normalize: Annotated[
        bool, typer.Option("--normalize", help="Scale vectors to length 1, after --truncate.")
    ] = False,
    precision: Annotated[
        str,
        typer.Option(
            help="float32, int8 (a byte a number), ubinary or binary (a bit a number: its sign)."
        ),
    ] = "float32",
    ranges: Annotated[
        Path | None,
        typer.Option(
            help="int8: NAME.ranges.npy of vectors that these will be compared with.",
            show_default="the ranges of these vectors",
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Split of the data, where it has some.")] = "all",
    resize: Annotated[
        int | None, typer.Option(help="Pixels that images are scaled and cropped to.")
    ] = None,
    on_bad_row: Annotated[
        str, typer.Option(help="error, or skip: leave bad rows out and say how many.")
    ] = "error",
    device: Devices = None,
    trust_code: TrustCode = False,
) -> None:
    """Write the vectors of a file of texts or images to a file.

    After an interruption run the same command again to continue.

    Texts: dipole encode runs/first --data docs.jsonl --keep title --out vectors.parquet

    Images: dipole encode runs/digits --data photos/ --out vectors.npy

    Two GPUs: dipole encode runs/first --data docs.jsonl --device cuda:0,cuda:1 --out v.npy

    Sparse, or a vector for each token: dipole encode runs/splade --data docs.jsonl --out v.npz

    Small: dipole encode runs/first --data docs.jsonl --truncate 128 --precision int8 --out v.npy
    """
    from dipole.data.kept import load_kept
    from dipole.devices import devices, on_device
    from dipole.encoders.encoding import check_new, checked_dim, encode_file, ranges_beside
    from dipole.encoders.quantizing import VectorPrecision, check_precision
    from dipole.encoders.reading import gives_tokens
    from dipole.encoders.sparse_files import SUFFIX, check_sparse, encode_sparse_file
    from dipole.encoders.token_files import check_suffix, encode_token_file
    from dipole.encoders.vector_files import check_format, ids_beside

    kept = keep or []
    if not (as_npz := out.suffix == SUFFIX):
        check_format(out, kept)
    check_file("--out", out)
    check_new(out)
    check_precision(precision)
    bad_rows = check_bad_rows(on_bad_row)
    given = None if ranges is None else _ranges(ranges)
    workers = devices()
    with on_device(str(workers[0])):
        encoder, chosen = load_named(model, ()), cast(VectorPrecision, precision)
    check_suffix(encoder, out)
    if as_npz:
        check_sparse(
            encoder, out, keep=kept, truncate=truncate, normalize=normalize,
            precision=precision != "float32",
        )  # fmt: skip
    dim = checked_dim(encoder, role, truncate, chosen, given)
    if column is None:
        column = _there(data, split, columns_of(model).get(_SIDES.get(role, role)))
    inputs = load_kept(data, column, id, kept, split, bad_rows, resize)
    say(f"{counted(len(inputs), 'input')} from {inputs.origin}", error=True)
    say_skipped(inputs.skipped)
    if as_npz and gives_tokens(encoder):
        count, tokens = encode_token_file(encoder, inputs, out, role=role, show_progress=True)
        say(
            f"wrote vectors of {counted(tokens, 'token')} of {counted(count, 'input')} to {out}; "
            f"ids: {ids_beside(out)}"
        )
        return
    if as_npz:
        count = encode_sparse_file(encoder, inputs, out, role=role, show_progress=True)
        say(f"wrote {counted(count, 'sparse vector')} to {out}; ids: {ids_beside(out)}")
        return
    count = encode_file(
        encoder,
        inputs,
        out,
        keep=kept,
        role=role,
        truncate=truncate,
        normalize=normalize,
        precision=chosen,
        ranges=given,
        show_progress=True,
        devices=workers,
    )
    beside = f"; ids: {ids_beside(out)}" if out.suffix == ".npy" else ""
    beside += f"; ranges: {ranges_beside(out)}" if precision == "int8" and given is None else ""
    say(f"wrote {counted(count, 'vector')} of {dim} numbers ({precision}) to {out}{beside}")


# A role -> the setting of a training that names its column.
_SIDES = {"query": "anchor", "document": "positive"}


def _there(data: str, split: str, column: str | None) -> str | None:
    """The column, if the data have it."""
    from dipole.data.peeking import columns_among

    return column if column and columns_among(data, split, [column]) else None


def _ranges(path: Path) -> Any:
    import numpy as np

    try:
        found = np.load(path, allow_pickle=False)
        assert found.ndim == 2
        return found
    except (OSError, ValueError, EOFError, AssertionError, AttributeError):
        raise InputError(
            f"--ranges {path}: no array of ranges; expected NAME.ranges.npy, as dipole encode "
            "--precision int8 writes it"
        ) from None
