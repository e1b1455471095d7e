"""The leaderboard of sentence methods without labels: `python -m dipole.proof.sentence_board`.

Every method trains the same two layers with the same number of sentences at the same rate, on the
bench `sentences`; trainings that are done are not repeated. Written are FOLDER/sentences.md and its
picture, in docs/leaderboards if none is given. `... docs/leaderboards 3 1`: three seeds, one
training at a time.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dipole.errors import RunError
from dipole.files import write_text
from dipole.proof.frontier import half
from dipole.proof.prove import arms_of
from dipole.studies.bench import bench
from dipole.studies.benches.minilm import SMALL
from dipole.studies.benches.sentences import idf_bag, judged, unlabelled
from dipole.studies.budget import parse_budget
from dipole.studies.cells import Cell, default_root
from dipole.studies.measuring import untrained
from dipole.studies.running import FAILED, run_study
from dipole.systems import system
from dipole.training.recipe import LENGTH

METRIC, BASELINE = "Spearman", "simcse"
# System -> what its arm needs on these layers beside its recipe. One that trains in stages, that
# starts from another model, or whose data are no single sentences has another budget.
METHODS: dict[str, dict[str, Any]] = {
    "simcse": {},
    "esimcse": {},
    "consert": {},
    "clear": {},
    "clusterns": {"parts": [{"centroids": {"count": 16, "start": 0.4, "rate": 0.001}}]},
    "compcse": {},
    "denosent": {},
    "diffcse": {},
    "micse": {},
    "promcse": {},
    "representation-rank": {},
    "sct": {},
    "sg-opt": {},
    "supcl-seq": {},
    "syncse": {},
    "whitenedcse": {},
}
# What is the same for all.
SAME = {key: SMALL[key] for key in ("learning_rate", "schedule", "warmup", "precision")}
SAME |= {"data": bench("sentences").data, "batch_size": 32, "max_steps": 60, "locked": []}
LENGTHS = {"max_length": 24}

# Method -> one number for each seed.
Found = Mapping[str, np.ndarray]


def settings_of(name: str) -> dict[str, Any]:
    """Those of a method: its claim's own arm, with the budget and the layers of all."""
    arms = arms_of(system(name))
    arm = arms[next(iter(arms))]
    if arm["encoder"] == "static":
        arm |= {key: SMALL[key] for key in ("encoder", "encoder_options")}
    options = {**arm.get("encoder_options", {})}
    if "max_length" in options:
        options |= LENGTHS
    arm = {key: value for key, value in arm.items() if key not in LENGTH}
    return arm | SAME | {"encoder_options": options} | METHODS[name]


def cell_of(name: str, seed: int) -> Cell:
    """One training of a method."""
    settings = settings_of(name)
    budget = {key: settings.pop(key) for key in LENGTH if key in settings}
    return Cell(name, seed, settings, bench("sentences").measures, budget)


def measured(seeds: int, jobs: int, root: Path | None = None) -> tuple[Found, Mapping[str, float]]:
    """The rank correlation of every method for each seed, and CPU seconds of a training."""
    cells = [cell_of(name, seed) for seed in range(seeds) for name in METHODS]
    rows = run_study(cells, parse_budget("60steps"), root or default_root(), jobs=jobs, alone=False)
    found: dict[str, list[float]] = {}
    seconds: dict[str, float] = {}
    for row in rows:
        if row.state == FAILED:
            raise RunError(f"{row.cell.arm}, seed {row.cell.seed}: {row.error}")
        found.setdefault(row.cell.arm, []).append(float(row.metrics[METRIC].mean()))
        seconds[row.cell.arm] = seconds.get(row.cell.arm, 0.0) + row.cost.cpu_seconds / seeds
    return {name: np.array(values) for name, values in found.items()}, seconds


def references() -> dict[str, float]:
    """What needs no training: bags of words weighted by idf, and the layers as they are."""
    from dipole.data import Inputs

    texts = Inputs.from_columns({"input": unlabelled(False)})
    return {
        "bag of words, idf": float(idf_bag(texts, judged(False)).mean()),
        "untrained": float(untrained(cell_of(BASELINE, 0))[METRIC].mean()),
    }


def page(
    found: Found, seconds: Mapping[str, float], beside: Mapping[str, float], picture: str
) -> str:
    """The leaderboard as markdown, the best first."""
    order = sorted(found, key=lambda name: -found[name].mean())
    seeds = len(found[BASELINE])
    lines = [
        "# Leaderboard: sentence embeddings without labels",
        "",
        "<!-- Written by `python -m dipole.proof.sentence_board`; do not edit. -->",
        "",
        "What does a method for sentence embeddings buy, if all have the same model and the same"
        " sentences? Each one starts from the first two layers of all-MiniLM-L6-v2 and reads 60"
        " batches of 32 unlabelled sentences of STS-B and SICK, cut at 24 tokens, at the rate of"
        f" {SAME['learning_rate']:g}; all else is its recipe's. {seeds} seeds each.",
        "",
        f"![Rank correlation of every method]({picture})",
        "",
        "| method | Spearman | over SimCSE | sd of a seed | CPU s |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in order:
        values, gap = found[name], found[name] - found[BASELINE]
        over = "" if name == BASELINE else f"{gap.mean():+.2f} ± {half(gap):.2f}"
        lines.append(
            f"| `{name}` | {values.mean():.2f} ± {half(values):.2f} | {over} "
            f"| {values.std(ddof=1):.2f} | {seconds[name]:.0f} |"
        )
    lines += [f"| *{name}* | {value:.2f} | | | |" for name, value in beside.items()]
    lines += [
        "",
        "Spearman: rank correlation, in points, of cosines with the scores that people gave STS-B's"
        " validation pairs. Intervals are 95 %, Student's t over the seeds; *over SimCSE* pairs the"
        " seeds, which have the same batches. CPU s: of a training and its measurement.",
        "",
        "To be read with care: a rate that suits one method spoils another, and none was tuned"
        " here; each method's claim has its own regime. The"
        " batches are few, so a method that learns slowly is behind, and one that starts from a"
        " head of its own (DiffCSE, DenoSent, SynCSE's head of words) has had no time to fit it."
        " SynCSE writes with rules, miCSE compares both layers, SG-OPT takes its first token's"
        " state, ConSERT the mean of the last two layers without dropout. Left out are methods that"
        " train in stages or from other data: DCLR, DebCSE, DeCLUTR, DefSent+, Quick-Thoughts.",
        "",
        "Again, with more seeds: `python -m dipole.proof.sentence_board docs/leaderboards 10`.",
        "",
    ]
    return "\n".join(lines)


def draw(found: Found, beside: Mapping[str, float], path: Path) -> None:
    """A dot and its interval for each method, the best at the top, and lines for what needs no
    training."""
    from dipole.evaluation.plots.style import COLOURS, GREY, drawing

    order = sorted(found, key=lambda name: found[name].mean())
    with drawing(path, height=0.35 * len(order) + 1.5, endings=("png",)) as (axes,):
        for place, name in enumerate(order):
            colour = COLOURS[1] if name == BASELINE else COLOURS[0]
            axes.errorbar(
                found[name].mean(), place, xerr=half(found[name]), fmt="o", capsize=3, color=colour
            )
        for number, (name, value) in enumerate(beside.items()):
            axes.axvline(value, color=GREY, linestyle=("--", ":")[number % 2], label=name)
        axes.set_yticks(range(len(order)), order)
        axes.set(xlabel="Spearman, points (STS-B, validation)")
        axes.legend(loc="lower right")


def main(out: Path, seeds: int = 5, jobs: int = 1) -> None:
    """Train what is not trained yet, and write the page and its picture."""
    out.mkdir(parents=True, exist_ok=True)
    found, seconds = measured(seeds, jobs)
    beside = references()
    draw(found, beside, out / "sentences.png")
    write_text(out / "sentences.md", page(found, seconds, beside, "sentences.png"))


if __name__ == "__main__":
    places = [Path(word) for word in sys.argv[1:2]] or [Path("docs/leaderboards")]
    main(places[0], *map(int, sys.argv[2:4]))
