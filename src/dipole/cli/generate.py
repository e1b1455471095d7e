"""`dipole generate`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from dipole.cli.options import Device, TrustCode, key_values
from dipole.cli.outputs import check_new_file
from dipole.cli.trained import check_bad_rows, say_skipped
from dipole.errors import InputError
from dipole.showing import counted, say

# Between two options, and not in a text or list that is the value of one.
_COMMA = re.compile(r",(?=\s*[A-Za-z_]\w*=)")


def generate(
    model: Annotated[str, typer.Argument(help="Causal language model: run, folder or hub id.")],
    prompt: Annotated[
        list[str] | None, typer.Option(help="Prompt to continue. Repeatable.")
    ] = None,
    prompts: Annotated[
        str | None,
        typer.Option(
            help="File of prompts (jsonl, csv, tsv, parquet), texts or lists of messages; a hub "
            "id, or file.py:function."
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="greedy, sample, contrastive-search, contrastive-decoding, dola, lol, acd, cid, "
            "cfg, or file.py:Class."
        ),
    ] = "greedy",
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="Options of the method, as k=4,alpha=0.6. Repeatable."
        ),
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(help="Most tokens of an answer.")] = 128,
    samples: Annotated[int, typer.Option(help="Answers to each prompt, if they are drawn.")] = 1,
    batch_size: Annotated[int, typer.Option(help="Prompts to read together.")] = 16,
    seed: Annotated[int, typer.Option(help="Seed for methods that draw.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File for the answers (jsonl), replaced if present.", show_default="print them"
        ),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(
            help="Column with the prompts.", show_default="prompt, question, instruction, ..."
        ),
    ] = None,
    contrast: Annotated[
        str | None,
        typer.Option(
            help="Column with prompts to contrast them with (cid).", show_default="contrast"
        ),
    ] = None,
    id: Annotated[
        str | None,
        typer.Option("--id", help="Column with the ids.", show_default="id, _id, row numbers"),
    ] = None,
    split: Annotated[str, typer.Option(help="Split of the prompts, where they have some.")] = (
        "train"
    ),
    on_bad_row: Annotated[
        str, typer.Option(help="What to do with bad rows: error (stop) or skip (and count them).")
    ] = "error",
    precision: Annotated[
        str, typer.Option(help="float32, bfloat16, or auto (whichever computes faster here).")
    ] = "float32",
    device: Device = None,
    trust_code: TrustCode = False,
) -> None:
    """Write answers of a language model to prompts, by any decoding method.

    After an interruption run the same command with --out again to continue.

    One prompt: dipole generate FOLDER --prompt "The sea is" --method contrastive-search

    A file: dipole generate FOLDER --prompts prompts.jsonl --method dola --out answers.jsonl

    Two models: dipole generate FOLDER --prompt Hi --method contrastive-decoding --option amateur=B
    """
    from typing import cast

    from dipole.data.prompts import load_prompts
    from dipole.devices import device as chosen_device
    from dipole.encoders.precision import Precision
    from dipole.language.causal import CausalLM
    from dipole.language.decoding import generate, generate_to_file
    from dipole.language.decoding.methods import method as named

    options = key_values([pair for one in option or [] for pair in _COMMA.split(one)], "--option")
    how = named(method, options)
    if bool(prompt) == (prompts is not None):
        found = "both" if prompt else "neither"
        raise InputError(f"--prompt, --prompts: found {found}; expected one of them")
    if precision not in ("float32", "bfloat16", "auto"):
        raise InputError(f"precision: found {precision}; expected float32, bfloat16 or auto")
    if out is not None:
        if out.suffix != ".jsonl":
            raise InputError(f"--out {out}: expected a name that ends in .jsonl")
        check_new_file("--out", out)
    asked: object = prompt
    if prompts is not None:
        bad_rows = check_bad_rows(on_bad_row)
        asked = read = load_prompts(prompts, column, contrast, id, split, bad_rows)
        say(f"{counted(len(read), 'prompt')} from {read.origin}", error=True)
        say_skipped(read.skipped)
    settings: dict[str, Any] = {
        "method": how, "max_new_tokens": max_new_tokens, "samples": samples,
        "batch_size": batch_size, "seed": seed, "precision": cast(Precision, precision),
        "show_progress": True,
    }  # fmt: skip
    loaded = CausalLM.load(model).to(chosen_device())
    if out is None:
        for answer in generate(loaded, asked, **settings):
            say(answer.text)
        return
    count = generate_to_file(loaded, asked, out, **settings)
    say(f"wrote {counted(count, 'answer')} to {out}")
