"""Contrastive pretraining in language, by what is contrasted: inputs, or an input and its label.

    dipole train --recipe primer-contrastive-nlp --data labelled.csv \\
        --anchor text --positive label --out RUN

The label is a text, too: its name or its description. Each text is pulled to its own label and
pushed from the other labels of its batch, so the model can name classes that it was never shown
(`dipole evaluate RUN --task zero-shot`). The survey fixes no formula; a softmax over the labels of
the batch is our reading. `contrasted` says of any objective of dipole what it contrasts, and
docs/objective-map.md shows it for all of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from dipole.data import Labeled, Pairs
from dipole.objectives.contract.base import Objective, forward_inputs
from dipole.objectives.contract.registry import OBJECTIVES, objective_class, options
from dipole.studies.benches import classes
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

HERE = "dipole.systems.text.primer_contrastive_nlp"

# Sizes of the batch by which objectives are looked at.
SIZES = {"n": 6, "m": 6, "d": 8, "e": 8, "k": 4, "c": 6, "v": 2, "t": 3, "u": 3, "w": 3}
SETTINGS: dict[str, Any] = {
    "dim": SIZES["d"],
    "classes": 3,
    "counts": [3, 2, 1],
    "heads": 1,
    "groups": 2,
}
# A change of a gradient below this share is rounding.
EXACT = 1e-9


class Contrasted(NamedTuple):
    """What an objective compares an input with, what it pulls together, what it pushes apart."""

    with_what: str
    positives: str
    negatives: str


def contrasting() -> dict[str, Objective]:
    """The registered objectives, but for those of a language model's answers, as `contrasted` can
    look at them."""
    found = {name: objective_class(name) for name in OBJECTIVES}
    of_answers = {"logps", "mean_logps", "token_logps"}
    return {
        name: _made(name)
        for name, cls in found.items()
        if of_answers.isdisjoint(forward_inputs(cls.forward))
    }


def contrasted(objective: Objective) -> Contrasted:
    """What an objective contrasts, by its inputs, its settings and one measurement.

    Whether the other examples of a batch are negatives is measured: does the gradient of the first
    example change when the others are other examples?

    Example:
        >>> from dipole.objectives import InfoNCE
        >>> contrasted(InfoNCE())
        Contrasted(with_what='input', positives='partner', negatives='batch, given')
    """
    with_what = _with_what(objective)
    return Contrasted(with_what, _positives(objective, with_what), _negatives(objective, with_what))


def _made(name: str) -> Objective:
    known = options(objective_class(name))
    return objective_class(name)(**{key: x for key, x in SETTINGS.items() if key in known})


def _with_what(objective: Objective) -> str:
    known = options(type(objective))
    if type(objective).__module__.startswith("dipole.objectives.dimensions."):
        return "dimension"
    if {"classes", "counts"} & known.keys() or "support_labels" in objective.inputs():
        return "label"
    return "input"


def _positives(objective: Objective, with_what: str) -> str:
    takes = objective.inputs()
    if with_what == "label":
        return "its label"
    if "relevance" in takes:
        return "by relevance"
    if "scores" in takes:
        return "by grade"
    if takes.get("teacher_scores"):
        return "by a teacher"
    if "views" in takes:
        return "other views, or its class" if "labels" in takes else "other views"
    return "partner" if takes.get("positive") else "none"


def _negatives(objective: Objective, with_what: str) -> str:
    if with_what == "label":
        return "other labels"
    takes = objective.inputs()
    if with_what == "dimension":
        return "none"
    found = ["batch"] if reads_others(objective) else []
    found += ["given"] if "negative" in takes else []
    found += ["list"] if {"candidates", "logits"} & takes.keys() else []
    found += ["queue"] if "queue" in takes else []
    return ", ".join(found) or "none"


def reads_others(objective: Objective) -> bool:
    """Whether the gradient of the first example depends on the other examples of its batch."""
    objective = objective.double().eval()
    objective.bind(SIZES["n"])
    batch = _drawn(objective, 0)
    other = _drawn(objective, 1)
    moved = {
        name: _first_of(name, x, other[name]) if x.is_floating_point() else x
        for name, x in batch.items()
    }
    first, second = _gradient(objective, batch), _gradient(objective, moved)
    return bool((first - second).abs().max() > EXACT * first.abs().max())


def _first_of(name: str, kept: Tensor, others: Tensor) -> Tensor:
    """The first example's numbers beside those of other examples."""
    axis = int(name == "views")
    rest = others.narrow(axis, 1, others.shape[axis] - 1)
    return torch.cat([kept.narrow(axis, 0, 1), rest], axis)


def _gradient(objective: Objective, batch: dict[str, Tensor]) -> Tensor:
    """Of the loss in the first example's vectors."""
    names = ("views", "anchor", "logits", "anchor_logps", "anchor_tokens")
    name = next(key for key in names if key in batch)
    leaf = batch[name].clone().requires_grad_(True)
    loss = objective(**batch | {name: leaf})
    (found,) = torch.autograd.grad(loss, leaf)
    return found[:, 0] if name == "views" else found[0]


def _drawn(objective: Objective, seed: int) -> dict[str, Tensor]:
    """What an objective cannot do without, drawn."""
    from dipole.objectives.contract.checks import SHAPES

    made = torch.Generator().manual_seed(seed)
    batch: dict[str, Tensor] = {}
    for name, needed in objective.inputs().items():
        shape = [SIZES[x] for x in (objective.shapes.get(name) or SHAPES[name]).split()]
        if name in ("labels", "positive_labels", "support_labels"):
            batch |= {name: torch.arange(shape[0]) % SETTINGS["classes"]} if needed else {}
        elif name == "rows":
            batch[name] = torch.arange(shape[0])
        elif name in ("scores", "relevance"):
            batch[name] = torch.arange(shape[-1], dtype=torch.double).expand(shape) % 2
        elif name.endswith(("_mask", "_foreseen")):
            batch |= {name: torch.ones(shape, dtype=torch.bool)} if needed else {}
        elif needed:  # not far from each other, so that a low temperature forgets none of them
            batch[name] = 1 + 0.3 * torch.randn(shape, generator=made, dtype=torch.double)
    return batch


def named_rows(split: str, quick: bool = False) -> Pairs | Labeled:
    """The bench's questions, to train on with the name of their intent as a text."""
    found = classes.rows(split, quick)
    if split == "test":
        return found
    names = [str(label).replace("_", " ") for label in found.column("label")]
    return Pairs.from_columns({"anchor": list(found.column("input")), "positive": names})


SYSTEM = System(
    id="primer-contrastive-nlp",
    paper=(
        "Rethmeier and Augenstein 2021, A Primer on Contrastive Pretraining in Language Processing:"
        " Methods, Lessons Learned and Perspectives, arXiv 2102.12982"
    ),
    place=f"{HERE}:contrasted",
    recipe=Recipe(
        wants=["pairs"],
        objective="infonce",
        objective_options={"symmetric": False},
        temperature=0.1,
    ),
    claim=Claim(
        sentence=(
            "Texts contrasted with the names of their classes serve classes that were never shown"
            " better than texts given to a linear classifier."
        ),
        bench="classes",
        arms={
            "names of classes": {
                "data": f"{HERE}:named_rows", "sampler": "unique", "sampler_options": {},
                "view": [],
            },
            "linear classifier": {
                "objective": "classify", "objective_options": {}, "temperature": None,
                "parts": ["classes"],
            },
        },
        primary=AtLeast("names of classes", "linear classifier", on="MAP@R"),
        reported=(
            "contrastive pretraining helps on rare and unseen labels (the survey's lesson; no"
            " number is confirmed here)"
        ),
        notes=(
            "Not run yet. The 75 intents that are trained on are named by two or three words each;"
            " no batch has two questions of one intent, so a batch of names is smaller than one of"
            " the classifier. Both arms make 300 batches."
        ),
    ),
)  # fmt: skip
