"""CoIN: a prompt and its paraphrase end in one state of a language model, other inputs in others.

    dipole train --recipe coin --encoder lm:FOLDER --encoder-option "answer_after='### Answer:'" \\
        --data instructions.csv --out runs/coin

A row of `instructions.csv` is a pair: `anchor` an instruction with its input, "### Answer:" and the
answer, `positive` the same with the instruction in other words. A column `instruction` that names
the instruction puts rows of one instruction into a batch, as hard negatives of each other.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from dipole.data import Examples, Pairs
from dipole.data.examples import Inputs
from dipole.errors import InputError
from dipole.language.causal import CausalLM
from dipole.language.decoding import generate
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.pairs.infonce import infonce
from dipole.studies.claim import AtLeast, Claim
from dipole.studies.data import QUICK_TEST, QUICK_TRAIN
from dipole.studies.measures import Measured, Trained
from dipole.systems.base import System
from dipole.training.recipe import Recipe

MARK = "### Answer:"
# What to do, in words of which each verb goes with each object: some together only in the test.
TASKS = {
    "copy": (("repeat", "copy", "echo"), ("the letters", "these signs", "what follows")),
    "reverse": (("reverse", "mirror", "flip"), ("the letters", "these signs", "what follows")),
    "first": (("give", "say", "name"), ("the first one", "the leading sign", "where it begins")),
    "last": (("give", "say", "name"), ("the last one", "the closing sign", "where it ends")),
}
LETTERS, LENGTH = "abcdefgh", 3
TRAIN, TEST, STEPS = 400, 300, 100


class LastTokens(Objective):
    """InfoNCE in both directions of h_i and g_i, the last states of the last tokens of an anchor
    and of its positive, with cosines over the temperature:

        L = [mean_i -log softmax_j(s_ij)_i + mean_j -log softmax_i(s_ij)_j] / 2

    The last token is that of the whole text, the answer included, as in the published code.
    Shapes: anchor (n, t, d), positive (n, u, d), states of tokens; anchor_mask (n, t),
    positive_mask (n, u), False for padding, which is on the right.

    Example:
        >>> import torch
        >>> states = torch.eye(4)[:, None].repeat(1, 2, 1)
        >>> round(LastTokens()(states, states).item(), 4)
        0.0
    """

    shapes: ClassVar[dict[str, str]] = {
        "anchor": "n t d", "positive": "n u d", "anchor_mask": "n t", "positive_mask": "n u",
    }  # fmt: skip

    temperature: Temperature = Temperature(0.05)

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        anchor_mask: Tensor | None = None,
        positive_mask: Tensor | None = None,
    ) -> Tensor:
        found: Tensor = infonce(
            _last(anchor, anchor_mask), _last(positive, positive_mask),
            temperature=self.temperature(), reduction=self.reduction,
        )  # fmt: skip
        return found


def _last(states: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return states[:, -1]
    rows = torch.arange(len(states), device=states.device)
    return states[rows, mask.sum(1) - 1]


def answer_of(task: str, letters: str) -> str:
    """What a task asks of some letters.

    >>> [answer_of(task, "abc") for task in TASKS]
    ['a b c', 'c b a', 'a', 'c']
    """
    found = {"copy": letters, "reverse": letters[::-1], "first": letters[0], "last": letters[-1]}
    return " ".join(found[task])


def wordings(task: str, *, held_out: bool) -> list[str]:
    """The instructions of a task that are trained on (six), or those that are not (three)."""
    verbs, objects = TASKS[task]
    pairs = [(i, j) for i in range(len(verbs)) for j in range(len(objects))]
    return [f"{verbs[i]} {objects[j]}" for i, j in pairs if ((i + j) % 3 == 0) == held_out]


def text_of(wording: str, letters: str, task: str) -> str:
    """An instruction, its input and the answer."""
    return f"{wording}: {' '.join(letters)} {MARK} {answer_of(task, letters)}"


@cache
def instructions(split: str, quick: bool = False) -> Examples:
    """Pairs of two wordings with one input, every two rows of one instruction; to test on, texts
    whose wordings are of no training."""
    train = split == "train"
    few = (QUICK_TRAIN if train else QUICK_TEST) if quick else TRAIN if train else TEST
    rng, names = np.random.default_rng(len(split)), list(TASKS)
    columns: dict[str, list[str]] = {"anchor": [], "positive": []}
    for row in range(few):
        task = names[(row // 2 if train else row) % len(names)]
        known = wordings(task, held_out=not train)
        one, other = (known[int(k)] for k in rng.choice(len(known), 2, replace=False))
        letters = "".join(rng.choice(list(LETTERS), LENGTH))
        for name, wording in zip(columns, (one, other), strict=True):
            columns[name].append(text_of(wording, letters, task))
    return (
        Pairs.from_columns(columns) if train else Inputs.from_columns({"input": columns["anchor"]})
    )


def followed(model: Trained) -> Measured:
    """followed: whether greedy search gives the answer to an instruction in wordings that were
    never trained on, per test text, in points."""
    if not isinstance(model.encoder, CausalLM):
        raise InputError(f"followed: found {type(model.encoder).__name__}; expected lm:FOLDER")
    split = [str(text).partition(MARK) for text in model.test.column("input")]
    made = generate(
        model.encoder, [before + mark for before, mark, _ in split], max_new_tokens=8,
        batch_size=100,
    )  # fmt: skip
    right = [
        one.text.strip() == answer.strip() for one, (_, _, answer) in zip(made, split, strict=True)
    ]
    return {"followed": 100.0 * np.array(right)}


def then(weight: int) -> list[dict[str, Any]]:
    """A stage without the contrast, and one with it at a lower rate."""
    own = {"objective": f"{BOTH} + {weight} * {__name__}:LastTokens", "combine": "cap"}
    return [FIRST, LOWER | own | {"temperature": 0.05}]


BOTH = "next-token + next-token(anchor_logps=positive_logps, anchor_foreseen=positive_foreseen)"
FIRST, LOWER = {"objective": BOTH}, {"learning_rate": 1e-3}
SYSTEM = System(
    id="coin",
    paper="Yan et al. 2024, Contrastive Instruction Tuning, arXiv 2402.11138",
    # the released batch is two rows of one instruction: each has the other as its hard negative
    recipe=Recipe(
        wants=["pairs"],
        objective=f"{BOTH} + 1000 * {__name__}:LastTokens",
        combine="cap",
        temperature=0.05,
        sampler="sources",
        sampler_options={"key": "instruction"},
        batch_size=64,
        epochs=1,
        learning_rate=1e-4,
    ),
    claim=Claim(
        sentence=(
            "A language model whose states of a prompt and of its paraphrase are pulled together"
            " follows instructions in new words more often than one that is only tuned on both."
        ),
        bench="writing",
        settings={
            "data": f"{__name__}:instructions",
            "encoder_options": {"answer_after": MARK, "vocabulary": 320},
            "sampler": "unique", "sampler_options": {}, "max_steps": STEPS,
            "combine": "weights", "temperature": None,
        },
        regime=(
            "four tasks on three letters with six wordings each to learn from; tested on three"
            " others, whose words are known and not together; batches of any rows. As in the paper"
            " a model that was tuned goes on: 100 steps without the contrast, and 100 with it."
        ),
        arms={
            "coin": {"stages": then(1000)},
            "no contrast": {"stages": [FIRST, FIRST | LOWER]},
            "weight 1": {"stages": then(1)},
        },
        measures=[f"{__name__}:followed"],
        primary=AtLeast("coin", "no contrast", on="followed"),
        reported="+2.5 points of accuracy on average on PromptBench, LLaMA-7B (abstract)",
        secondary=[
            AtLeast("weight 1", "no contrast", on="followed"),
            AtLeast("coin", "weight 1", on="followed"),
        ],
        looks=(5, 10),
        delta=1.0,
        notes=(
            "*To be distrusted*: the size of the data was chosen after pilots at seed"
            " 0, so that instructions in new words are followed neither always nor never: with"
            " 3,000 rows and 300 steps 99 % were, without the contrast; and there a training with"
            " the contrast from the first step followed 8 %. At this size pilots with and without"
            " the contrast followed 63 % and 78 %. What the bench itself measures,"
            " diversity and likelihood of whole texts, says nothing here."
        ),
        lesson=(
            "On a tiny model the contrast of prompts and their paraphrases costs what it should"
            " bring: 30 points fewer instructions in new words are followed, 13 at a weight of 1."
        ),
    ),
)  # fmt: skip
