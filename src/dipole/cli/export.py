"""`dipole export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dipole.cli.options import TrustCode
from dipole.cli.outputs import check_new_folder
from dipole.cli.trained import load_named
from dipole.errors import InputError
from dipole.showing import say

if TYPE_CHECKING:
    from dipole.encoders import Encoder

ONNX, SENTENCE_TRANSFORMERS = "onnx", "sentence-transformers"


def export(
    model: Annotated[str, typer.Argument(help="Run, model folder or hub id.")],
    to: Annotated[str, typer.Option(help="onnx or sentence-transformers.")],
    out: Annotated[Path, typer.Option(help="Folder of the exported model; must be new.")],
    int8: Annotated[
        bool, typer.Option("--int8", help="onnx: weights of a byte each, smaller and less exact.")
    ] = False,
    trust_code: TrustCode = False,
) -> None:
    """Write a model for other libraries, onnxruntime or sentence-transformers.

    Example: dipole export runs/first --to onnx --out exported
    """
    if to not in (ONNX, SENTENCE_TRANSFORMERS):
        raise InputError(f"--to {to}: expected {ONNX} or {SENTENCE_TRANSFORMERS}")
    if int8 and to != ONNX:
        raise InputError(f"--int8: is for --to {ONNX}; found --to {to}")
    check_new_folder("--out", out)
    encoder = load_named(model, ())
    (_onnx if to == ONNX else _sentence_transformers)(encoder, out, int8)


def _onnx(encoder: Encoder, out: Path, int8: bool) -> None:
    from dipole.encoders.onnx_export import export_onnx
    from dipole.training.run.checkpoints import write_folder

    differences = []
    write_folder(out, lambda folder: differences.append(export_onnx(encoder, folder, int8=int8)))
    size = sum(file.stat().st_size for file in out.glob("model.onnx*")) / 1e6
    say(f"exported {type(encoder).__name__} to {out}: {size:.1f} MB; its vectors differ by "
        f"at most {differences[0]:.1e}")  # fmt: skip
    say(
        f"use it: dipole encode {out} --data FILE --out vectors.npy; config.json says how others do"
    )


def _sentence_transformers(encoder: Encoder, out: Path, int8: bool) -> None:
    from dipole.encoders.st_export import export_sentence_transformers
    from dipole.training.run.checkpoints import write_folder

    own: list[bool] = []
    write_folder(out, lambda folder: own.append(export_sentence_transformers(encoder, folder)))
    more = ", trust_remote_code=True" if own[0] else ""
    say(f"exported {type(encoder).__name__} to {out}")
    loads = "SparseEncoder" if hasattr(encoder, "encode_sparse") else "SentenceTransformer"
    loads = "MultiVectorEncoder" if hasattr(encoder, "encode_tokens") else loads
    say(f'use it: {loads}("{out}"{more}).encode_query(["..."])')
    if own[0]:
        say("its words are counted by code in static_words.py, as no module of theirs does")
