"""Sparse vectors of a file of inputs, written as scipy's CSR with the ids beside it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dipole.data import Inputs, Labeled
from dipole.encoders.base import Encoder, Role
from dipole.encoders.encoding import check_new
from dipole.encoders.reading import gives_tokens
from dipole.encoders.vector_files import ids_beside
from dipole.errors import InputError
from dipole.files import replaced

if TYPE_CHECKING:
    from dipole.encoders.sparse_text import SparseText

SUFFIX = ".npz"


def check_sparse(encoder: Encoder, out: Path, **others: Any) -> None:
    """Raise InputError where no such file can be made of an encoder; `others` are options that
    sparse vectors do not have, by name."""
    if not hasattr(encoder, "encode_sparse") and not gives_tokens(encoder):
        raise InputError(
            f"out: found {out} for {type(encoder).__name__}, whose vectors are dense; expected a "
            "name that ends in .npy, .parquet, .jsonl"
        )
    for name, value in others.items():
        if value:
            raise InputError(f"{name}: not for {SUFFIX}, which keeps vectors as they are; "
                             "expected none")  # fmt: skip


def encode_sparse_file(
    encoder: Encoder,
    data: Inputs | Labeled,
    out: str | Path,
    *,
    role: Role = "document",
    show_progress: bool = False,
) -> int:
    """Write the sparse vectors of inputs to a .npz file; returns how many.

    `scipy.sparse.load_npz` reads it; NAME.txt has an id a line. Memory holds the vectors without
    their zeros, and a call that was stopped begins anew.

    Raises:
        InputError: `out` is there already; an encoder of dense vectors; an id with a line break.

    Example:
        >>> encode_sparse_file(encoder, load_kept("texts.csv"), "vectors.npz")  # doctest: +SKIP
        200
    """
    from scipy.sparse import save_npz

    out = Path(out)
    check_sparse(encoder, out)
    check_new(out)
    ids = list(data.column("id"))
    for identity in ids:
        if len(identity.splitlines()) != 1:
            raise InputError(f"{out}: the id {identity!r} has a line break; expected ids without")
    texts = list(data.column("input"))
    sparse = cast("SparseText", encoder)
    vectors = sparse.encode_sparse(texts, role, show_progress=show_progress)
    with ExitStack() as stack:
        names = stack.enter_context(replaced(ids_beside(out)))
        names.write_text("".join(f"{identity}\n" for identity in ids), encoding="utf-8")
        new = stack.enter_context(replaced(out))
        with new.open("wb") as file:
            save_npz(file, vectors)
    return len(ids)
