"""Advice for a data set: encoder, objective, sampler and batch size, each with its reason, and the
command that trains so."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from dipole.data import Examples, Labeled, Pairs, Scored
from dipole.data.memory import is_held
from dipole.data.peeking import columns_among, sample_of
from dipole.errors import InputError
from dipole.training.advice.choices import CHOICES, PAGE, Choice
from dipole.training.advice.encoders import Encoder, choose_encoder
from dipole.training.advice.findings import Findings, look
from dipole.training.advice.notes import notes_on
from dipole.training.advice.reading import Named, is_quantity, read

# Batches of an epoch that a batch size should leave, and rows from which some are held out.
_BATCHES, _HELD_OUT = 8, 200
_SMALLEST, _PER_CLASS = 4, 4
# Epochs of a pretrained model on few rows, where its default, one, is a handful of steps.
_EPOCHS = 3
# Pairs with so few different positives that these are classes.
_ROWS_PER_CLASS = 20
# Setting -> option of `dipole train`.
_FIELDS = {"anchor": "anchor", "positive": "positive", "first": "anchor", "second": "positive",
           "input": "anchor", "label": "label", "score": "score"}  # fmt: skip


class Setting(NamedTuple):
    """A setting that is proposed, and why."""

    value: str
    why: str


@dataclass(frozen=True)
class Advice:
    """What was found and what is proposed.

    columns: column of a table -> what it holds. proposal: encoder, objective, sampler, batch size
    (and epochs where the default is not good). command: the whole `dipole train`. then: what to run
    after it. page: where the choice is explained.
    """

    findings: Findings
    columns: dict[str, str]
    proposal: dict[str, Setting]
    notes: list[str]
    command: str
    then: list[str]
    page: str


def advise(source: str, named: Named | None = None) -> Advice:
    """Look at a data set and propose how to train on it.

    Raises InputError, one line, where it cannot be read, columns have to be named, or there is
    nothing to learn.
    """
    named = named or Named()
    examples = read(source, named)
    examples, named, more = _as_classes(source, examples, named)
    numbered = isinstance(examples, Labeled) and is_quantity(examples)
    found = look(examples, numbered=numbered)
    _check_learnable(found)
    choice = _special(source, found, CHOICES[found.kind], named)
    encoder = choose_encoder(found, choice)
    proposal = _proposal(found, choice, encoder)
    sample = sample_of(source, named.split, named.columns())
    holds = {} if sample is None else {name: sample.kind(name) for name in sample}
    out = _free_folder(source)
    return Advice(
        found,
        holds,
        proposal,
        [*more, *notes_on(found)],
        shlex.join(_command(source, examples, named, found, choice, proposal, out)),
        _then(source, found, out),
        f"{PAGE}#{choice.section.lower().replace(' ', '-')}",
    )


def _as_classes(source: str, examples: Examples, named: Named) -> tuple[Examples, Named, list[str]]:
    """Pairs of which very many share a positive, read as inputs with a class."""
    if not isinstance(examples, Pairs) or not isinstance(examples.column("positive")[0], str):
        return examples, named, []
    texts = {int(key) for key in examples.keys("positive")}
    columns = examples.columns
    is_few = 1 < len(texts) <= len(examples) // _ROWS_PER_CLASS
    if not is_few or not columns or is_held(source):
        return examples, named, []
    labelled = replace(named, anchor=columns["anchor"], positive=None, label=columns["positive"])
    note = (
        f"'{columns['positive']}' has {len(texts):,} different texts in {len(examples):,} rows: "
        "taken as classes, since rows that share a text never meet in a batch of pairs"
    )
    return read(source, labelled), labelled, [note]


def _check_learnable(found: Findings) -> None:
    if found.kind in ("labelled", "labelled-images") and len(found.classes) < 2:
        raise InputError(f"label: found one class in all {found.rows:,} rows; expected two or more")
    if found.scores is not None and found.scores[2] < 2:
        raise InputError(
            f"score: found {found.scores[0]:g} in all {found.rows:,} rows; expected numbers that "
            "differ"
        )
    if found.fields[0].different < 2:
        raise InputError(
            f"{found.fields[0].name}: all {found.rows:,} rows have the same; expected several"
        )
    if any(field.holds == "arrays" for field in found.fields):
        raise InputError(
            f"data: found arrays ({found.origin}), which no encoder of dipole reads; expected "
            "texts or images (an encoder of your own: docs/encoders.md)"
        )


def _special(source: str, found: Findings, choice: Choice, named: Named) -> Choice:
    """The choice, with the objective of a special case where the data are one."""
    if found.kind == "graded" and found.scores == (0.0, 1.0, 2):
        why = "the scores are 0 and 1: it pulls the ones together and pushes the others apart"
        return choice._replace(objective="contrastive", why=why)
    scored = ("pos_scores", "neg_scores")
    if found.kind == "lists" and columns_among(source, named.split, scored):
        why = "the lists have the scores of a model: it learns them"
        return choice._replace(objective="kl-listwise", why=why)
    return choice


def _proposal(found: Findings, choice: Choice, encoder: Encoder) -> dict[str, Setting]:
    size, why = _batch_size(found, choice, encoder)
    sampler = "a batch has several rows of each of its classes"
    if choice.sampler == "unique":
        sampler = "no text stands twice in a batch, so no copy is a negative"
    proposal = {
        "encoder": Setting(encoder.name, encoder.why),
        "objective": Setting(choice.objective, choice.why),
        "sampler": Setting(choice.sampler, sampler),
        "batch size": Setting(str(size), why),
    }
    if encoder.is_pretrained and found.rows < 2 * _BATCHES * encoder.batch_size:
        steps = -(-found.rows // size)
        proposal["epochs"] = Setting(str(_EPOCHS), f"one epoch is only {steps} steps")
    return proposal


def _batch_size(found: Findings, choice: Choice, encoder: Encoder) -> tuple[int, str]:
    if choice.sampler == "classes":
        size = _PER_CLASS * min(len(found.classes), encoder.batch_size // _PER_CLASS, 16)
        size = max(2 * _PER_CLASS, size)
        return size, f"{_PER_CLASS} rows of each of {size // _PER_CLASS} classes"
    room = max(_SMALLEST, found.rows // _BATCHES)
    size = min(encoder.batch_size, 1 << (room.bit_length() - 1))
    if size == encoder.batch_size:
        return size, "the encoder's default: each row has that many to be told from"
    batches = -(-found.rows // encoder.batch_size)
    return size, (
        f"the encoder's default, {encoder.batch_size}, would make {batches} "
        f"batch{'es' * (batches > 1)} of {found.rows:,} rows; this makes "
        f"{-(-found.rows // size)}"
    )


def _command(
    source: str,
    examples: Examples,
    named: Named,
    found: Findings,
    choice: Choice,
    proposal: dict[str, Setting],
    out: str,
) -> list[str]:
    objective = choice.objective
    if found.kind == "numbered":  # its labels reach an objective as `numbers`
        objective = f"{objective}(scores=numbers)"
    settings = ["--data", source, *_columns(examples, named), *choice.options]
    settings += ["--encoder", proposal["encoder"].value, "--objective", objective]
    if choice.sampler != "unique":
        per_class = f"per_class={_PER_CLASS}"
        settings += ["--sampler", choice.sampler, "--sampler-option", per_class]
    settings += ["--batch-size", proposal["batch size"].value]
    if "epochs" in proposal:
        settings += ["--epochs", proposal["epochs"].value]
    is_pair = found.kind in ("pairs", "triplets", "graded")
    if is_pair and found.rows >= _HELD_OUT and found.crowded <= 0.5:
        settings += ["--validation", "0.1"]
    return ["dipole", "train", *settings, "--out", out]


def _columns(examples: Examples, named: Named) -> list[str]:
    """Options for the columns: those that the user named, and those that were taken, where naming
    them changes nothing."""
    taken: dict[str, Any] = {}
    if isinstance(examples, Pairs | Scored | Labeled) and not named.negative:
        if "after title" in examples.origin:  # which a column that is named goes without
            return named.options()
        taken = {_FIELDS[field]: column for field, column in examples.columns.items()}
    return replace(named, **taken).options()


def _then(source: str, found: Findings, out: str) -> list[str]:
    if found.kind in ("pairs", "triplets"):
        again = f"dipole evaluate {shlex.quote(out)} --data UNSEEN --baseline bm25"
        mine = f"dipole mine {shlex.quote(out)} --data {shlex.quote(source)} --out triplets.jsonl"
        return [again, mine] if found.kind == "pairs" else [again]
    task = {"graded": "sts", "labelled": "knn", "labelled-images": "knn", "lists": "reranking"}
    if found.kind in task:
        return [f"dipole evaluate {shlex.quote(out)} --task {task[found.kind]} --data UNSEEN"]
    return []


def _free_folder(source: str) -> str:
    """runs/NAME, with a number where it is there already."""
    stem = Path(source.rpartition(":")[2] if ".py:" in source else source).name.split(".")[0]
    name = re.sub(r"[^\w-]+", "-", stem).strip("-") or "advised"
    folders = (f"runs/{name}{f'-{i}' if i > 1 else ''}" for i in range(1, 10_000))
    return next(folder for folder in folders if not Path(folder).exists())
