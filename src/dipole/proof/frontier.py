"""The leaderboard of preference objectives on EnumWorld: `python -m dipole.proof.frontier`.

Every objective is trained at its published strength, and a weaker and a stronger one, on the worlds
of the bench `preferences`, with the same pairs and as many steps; trainings that are done are not
repeated. Written are FOLDER/preference.md and its picture, in docs/leaderboards if none is given.
`... docs/leaderboards 5 1 1`: five worlds, one training at a time, the published strength alone.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from dipole.errors import RunError
from dipole.files import write_text
from dipole.studies.bench import bench
from dipole.studies.budget import parse_budget
from dipole.studies.cells import Cell, default_root
from dipole.studies.running import FAILED, run_study
from dipole.training.recipe import LENGTH, over

# Objective -> the setting that says how far a policy may go, and its three values, the one in the
# middle being the published one or, where papers have several, the default.
PAIRS = (
    "dpo", "robust-dpo", "ipo", "slic", "exo", "sppo", "aot", "f-dpo", "apo-zero", "apo-down",
)  # fmt: skip
STRENGTHS: dict[str, tuple[str, tuple[float, float, float]]] = {
    **dict.fromkeys(PAIRS, ("beta", (0.03, 0.1, 0.3))),
    "ipo": ("tau", (0.03, 0.1, 0.3)),
    "discopop": ("beta", (0.015, 0.05, 0.15)),
    "kto": ("beta", (0.03, 0.1, 0.3)),
    "bco": ("beta", (0.03, 0.1, 0.3)),
    "nca": ("beta", (0.03, 0.1, 0.3)),
    "ulma": ("beta", (0.03, 0.1, 0.3)),
    "simpo": ("beta", (0.7, 2.0, 6.0)),
    "alphapo": ("beta", (0.8, 2.5, 7.5)),
    "cpo": ("beta", (0.03, 0.1, 0.3)),
    "orpo": ("weight", (0.03, 0.1, 0.3)),
}
# The same loss on these data: answers of one length, two of them, one of which is rated 1.
SAME = {"ld-dpo": "dpo", "infonca": "dpo"}
GROUPS = {
    "pairs, with a reference": (*PAIRS, "discopop"),
    "pairs, without a reference": ("simpo", "alphapo", "cpo", "orpo"),
    "single answers or lists": ("kto", "bco", "nca", "ulma"),
}
COLUMNS = ("reward at 1 nat", "reward", "KL", "regret", "chosen", "preference accuracy")

# (objective, its setting's value) -> metric -> (seeds,).
Found = Mapping[tuple[str, float], Mapping[str, np.ndarray]]


def measured(seeds: int, jobs: int, strengths: int = 3, root: Path | None = None) -> Found:
    """What every objective has become at each strength, a mean over prompts for each seed.

    strengths: 1, the published one; 2, also a weaker KL penalty; 3, also a stronger one.
    """
    where, cells = bench("preferences"), []
    for place, seed, name in product((1, 0, 2)[:strengths], range(seeds), STRENGTHS):
        option, values = STRENGTHS[name]
        own = {"objective": name, "objective_options": {option: values[place]}}
        settings: dict[str, Any] = {"data": where.data, **over(where.settings, own)}
        budget = {key: settings.pop(key) for key in LENGTH if key in settings}
        arm = f"{name} {values[place]:g}"
        cells.append(Cell(arm, seed, settings, where.measures, budget, fold=seed))
    rows = run_study(cells, parse_budget("1epochs"), root or default_root(), jobs=jobs, alone=False)
    found: dict[tuple[str, float], dict[str, list[float]]] = {}
    for row in rows:
        if row.state == FAILED:
            raise RunError(f"{row.cell.arm}, seed {row.cell.seed}: {row.error}")
        name, _, value = row.cell.arm.partition(" ")
        own_metrics = found.setdefault((name, float(value)), {})
        for metric in COLUMNS:
            own_metrics.setdefault(metric, []).append(float(row.metrics[metric].mean()))
    return {arm: {m: np.array(v) for m, v in own.items()} for arm, own in found.items()}


def page(found: Found, picture: str) -> str:
    """The leaderboard as markdown, the best at the published setting first."""
    published = {name: values[1] for name, (_, values) in STRENGTHS.items()}
    order = sorted(STRENGTHS, key=lambda n: -found[n, published[n]][COLUMNS[0]].mean())
    seeds = len(found["dpo", 0.1]["KL"])
    arms = [(name, v) for name in order for v in STRENGTHS[name][1] if (name, v) in found]
    several = len(arms) // len(order)
    how = "at its published setting" if several == 1 else f"at {several} strengths"
    return "\n".join(
        [
            "# Leaderboard: preference objectives",
            "",
            "<!-- Written by `python -m dipole.proof.frontier`; do not edit. -->",
            "",
            "How much reward does a preference objective buy for how much KL? On"
            " [EnumWorld](../language-models.md#enumworld) both are exact: all 4,096 answers to"
            f" each prompt are enumerated. Each objective was trained on {seeds} worlds, {how},"
            " on the same 2,048 pairs with the same 128 steps; one pair in four is in"
            " the wrong order. Worlds differ in their reward and their pairs.",
            "",
            f"![Reward against KL]({picture})",
            "",
            "## At the published setting",
            "",
            "Intervals are 95 %, Student's t over the worlds; the order is that of the first"
            " column.",
            "",
            *_table(found, [(name, published[name]) for name in order]),
            "",
            "- `reward at 1 nat`: the mean reward of the policy drawn back, or driven on, to a KL"
            " of 1 nat along log pi - log ref, in percent of the best possible there. It compares"
            " what was learnt, not how far the policy went.",
            "- `reward`, `KL`: E[r] and KL(pi || ref) of the policy as trained; under the reference"
            " the reward has mean 0 and standard deviation 1.",
            "- `regret`: what is missing of the largest E[r] - 0.1 KL.",
            "- `chosen`: mean of log pi - log ref over the chosen training answers, in nats.",
            "- `preference accuracy`: test pairs of other prompts in their true order, in percent.",
            "",
            f"{_list(SAME)} are the same losses on these data. Learning rate, batch and steps"
            " are the bench's and were tuned for no objective: an objective with small gradients"
            " stays near the reference, which the first column corrects and the others do not.",
            "",
            *(["## Every strength", "", *_table(found, arms), ""] if several > 1 else []),
        ]
    )


def _list(same: Mapping[str, str]) -> str:
    return ", ".join(f"`{one}` (as `{other}`)" for one, other in same.items())


def _table(found: Found, arms: Sequence[tuple[str, float]]) -> list[str]:
    lines = [
        f"| objective | {' | '.join(COLUMNS)} |",
        f"|---|{'---:|' * len(COLUMNS)}",
    ]
    for name, value in arms:
        cells = [_said(found[name, value][metric]) for metric in COLUMNS]
        lines.append(f"| `{name}`, {STRENGTHS[name][0]} {value:g} | {' | '.join(cells)} |")
    return lines


def _said(values: np.ndarray) -> str:
    digits = 1 if abs(values.mean()) >= 10 else 2
    return f"{values.mean():.{digits}f} ± {half(values):.{digits}f}"


def half(values: np.ndarray) -> float:
    """Half the width of the 95 % interval of a mean, Student's t.

    >>> round(half(np.array([1.0, 2.0, 3.0])), 3)
    2.484
    """
    from dipole.evaluation.statistics.over_seeds import nested_interval

    found = nested_interval(values)
    return (found.high - found.low) / 2


def draw(found: Found, path: Path) -> None:
    """Reward against KL, a mark for each objective and strength, below the optimum."""
    from dipole.evaluation.plots.style import COLOURS, GREY, MARKERS, drawing

    seeds = len(found["dpo", 0.1]["KL"])
    with drawing(path, height=7.5, rows=len(GROUPS), endings=("png",)) as panels:
        for axes, (group, names) in zip(panels, GROUPS.items(), strict=True):
            axes.plot(*optimum(seeds), color=GREY, linewidth=1, label="optimum")
            for i, name in enumerate(names):
                several = [found[name, v] for v in STRENGTHS[name][1] if (name, v) in found]
                axes.plot(
                    [one["KL"].mean() for one in several],
                    [one["reward"].mean() for one in several],
                    "--" if i >= len(COLOURS) else "-",
                    marker=MARKERS[i % len(MARKERS)], color=COLOURS[i % len(COLOURS)], label=name,
                )  # fmt: skip
            axes.set(title=group, ylabel="E[reward]", xlim=(0, 9), ylim=(0, 1.6))
            axes.legend(ncols=2, loc="center left", bbox_to_anchor=(1.0, 0.5))
        panels[-1].set(xlabel="KL to the reference, nats")


def optimum(worlds: int) -> tuple[np.ndarray, np.ndarray]:
    """KL and the highest reward possible there, a mean over worlds."""
    from dipole.studies.benches.enum_world import optimum_at

    nats = np.linspace(0.05, 7, 24)
    best = [np.mean([optimum_at(world, float(n)) for world in range(worlds)]) for n in nats]
    return nats, np.array(best)


def main(out: Path, seeds: int = 5, jobs: int = 1, strengths: int = 3) -> None:
    """Train what is not trained yet, and write the page and its picture."""
    out.mkdir(parents=True, exist_ok=True)
    found = measured(seeds, jobs, strengths)
    draw(found, out / "preference.png")
    write_text(out / "preference.md", page(found, "preference.png"))


if __name__ == "__main__":
    places = [Path(word) for word in sys.argv[1:2]] or [Path("docs/leaderboards")]
    main(places[0], *map(int, sys.argv[2:5]))
