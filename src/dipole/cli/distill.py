"""`dipole distill`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dipole.cli.options import Device, TrustCode
from dipole.cli.outputs import check_new_folder
from dipole.cli.trained import load_named
from dipole.showing import say


def distill(
    model: Annotated[str, typer.Argument(help="Transformer: a run, model folder or hub id.")],
    out: Annotated[Path, typer.Option(help="Folder of the model; must be new.")],
    dim: Annotated[
        int | None, typer.Option(help="Dimensions of the vectors.", show_default="256")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Texts to count words in: a file, folder or data set name. Default: Zipf's law."
        ),
    ] = None,
    smoothing: Annotated[
        float, typer.Option(help="Share of all words at which a word counts half.")
    ] = 1e-4,
    device: Device = None,
    trust_code: TrustCode = False,
) -> None:
    """Turn a transformer into a fast bag-of-words model, without training.

    It looks vectors of words up and runs no transformer; dipole train --encoder FOLDER tunes it.

    Example: dipole distill sentence-transformers/all-MiniLM-L6-v2 --out small --dim 128
    """
    from dipole.encoders.distilling import distill as distilled
    from dipole.encoders.own import save_encoder
    from dipole.retrieval import read_corpus
    from dipole.training.run.checkpoints import write_folder

    check_new_folder("--out", out)
    teacher = load_named(model, ())
    texts = None
    if data is not None:
        documents = read_corpus(data)
        texts = documents.texts
        say(f"{len(texts):,} texts from {documents.origin}", error=True)
    made = distilled(teacher, dim=dim, smoothing=smoothing, texts=texts, show_progress=True)
    write_folder(out, lambda folder: save_encoder(made, folder))
    say(f"distilled {model} into {out}: {made.tokenizer.size:,} tokens of {made.dim} numbers")
    say(f'use it: dipole encode {out} ..., or SentenceTransformer("{out}")')
    say(f"tune it: dipole train --encoder {out} ...")
