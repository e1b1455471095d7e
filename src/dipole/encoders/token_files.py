"""Vectors of the tokens of a file of inputs, written as one array with the ids beside it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from dipole.data import Inputs, Labeled
from dipole.encoders.base import Encoder, Role
from dipole.encoders.encoding import check_new
from dipole.encoders.reading import gives_tokens
from dipole.encoders.vector_files import ids_beside
from dipole.errors import InputError
from dipole.files import replaced

if TYPE_CHECKING:
    from dipole.encoders.multi_vector_text import MultiVectorText

SUFFIX = ".npz"


def check_suffix(encoder: Encoder, out: Path) -> None:
    """Raise InputError where vectors of tokens are to go into a file for one vector a row."""
    if gives_tokens(encoder) and out.suffix != SUFFIX:
        raise InputError(
            f"out: found {out} for {type(encoder).__name__}, which gives a vector for each token; "
            f"expected a name that ends in {SUFFIX}"
        )


def encode_token_file(
    encoder: Encoder,
    data: Inputs | Labeled,
    out: str | Path,
    *,
    role: Role = "document",
    show_progress: bool = False,
) -> tuple[int, int]:
    """Write the token vectors of inputs to a .npz file; returns how many inputs, and how many
    tokens.

    The file has `tokens` (t, dim) float32 of all inputs one after the other, and `starts` (n + 1):
    those of input i are tokens[starts[i]:starts[i + 1]]. NAME.txt has an id a line. Memory holds
    all of them, and a call that was stopped begins anew.

    Raises:
        InputError: `out` is there already; an encoder of another kind; an id with a line break.

    Example:
        >>> encode_token_file(encoder, load_kept("texts.csv"), "vectors.npz")  # doctest: +SKIP
        (200, 5321)
    """
    out = Path(out)
    if not gives_tokens(encoder):
        raise InputError(f"encoder: found {type(encoder).__name__}; expected one with a vector for "
                         "each token")  # fmt: skip
    check_suffix(encoder, out)
    check_new(out)
    ids = list(data.column("id"))
    for identity in ids:
        if len(identity.splitlines()) != 1:
            raise InputError(f"{out}: the id {identity!r} has a line break; expected ids without")
    found = cast("MultiVectorText", encoder).encode_tokens(
        list(data.column("input")), role, show_progress=show_progress
    )
    starts = np.cumsum([0, *map(len, found)])
    with ExitStack() as stack:
        names = stack.enter_context(replaced(ids_beside(out)))
        names.write_text("".join(f"{identity}\n" for identity in ids), encoding="utf-8")
        new = stack.enter_context(replaced(out))
        with new.open("wb") as file:
            tokens = np.concatenate([np.empty((0, encoder.dim), np.float32), *found])
            np.savez(file, tokens=tokens, starts=starts)
    return len(ids), int(starts[-1])
