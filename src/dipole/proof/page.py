"""The page of a claim: <id>.md with its picture, and its line in results.json."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import yaml

from dipole.evaluation.report import p_text
from dipole.evaluation.statistics.over_seeds import NestedInterval, nested_interval
from dipole.files import write_text
from dipole.proof.picture import draw
from dipole.proof.prove import Proof
from dipole.studies.cells import COSTS
from dipole.studies.claim import VALUE
from dipole.studies.machine import machine, versions
from dipole.studies.verdict import Verdict
from dipole.systems import code_of_system
from dipole.systems.catalogue import State, entry_of, states, table_page
from dipole.systems.parity import parity_lines, tolerance
from dipole.systems.results import Result, docs_folder, results_file, write_result

# The line of a page that says so; there or not, as the code is.
_STALE = (
    "*Stale: the code that decides this has changed since it was measured; to be run again.*\n\n"
)


def write_page(proof: Proof, folder: Path, command: str) -> Path:
    """Write the page, its picture and its verdict; the page's path.

    In docs/systems of the checkout that runs: the verdict that comes with dipole, and the table.
    """
    import dipole

    folder.mkdir(parents=True, exist_ok=True)
    system = proof.system.id
    picture = draw(proof, folder / f"{system}.png")
    page = folder / f"{system}.md"
    write_text(page, page_text(proof, command, picture))
    result = Result(proof.verdict, _today(), dipole.__version__, code_of_system(system))
    write_result(results_file(folder), system, result)
    if _is_docs(folder):
        write_table(folder / "README.md", states())
    return page


def write_table(path: Path, found: Iterable[State]) -> None:
    """Write the table of systems, and into the pages beside it which are stale."""
    found = list(found)
    write_text(path, table_page(found, path.parent))
    for state in found:
        page = path.parent / f"{state.id}.md"
        result = state.result if _is_docs(path.parent) else state.here
        if result is None or not page.exists():
            continue
        text = page.read_text(encoding="utf-8")
        title, _, rest = text.replace(_STALE, "").partition("\n\n")
        marked = f"{title}\n\n{_STALE if result['stale'] else ''}{rest}"
        if marked != text:
            write_text(page, marked)


def _is_docs(folder: Path) -> bool:
    docs = docs_folder()
    return docs is not None and folder.resolve() == docs.resolve()


def page_text(proof: Proof, command: str, picture: Path | None = None) -> str:
    """The page as markdown."""
    claim = proof.claim
    system, paper = entry_of(proof.system.id), proof.system.paper
    if system.arxiv:
        paper = f"[{paper}]({system.paper})"
    lines = [
        f"# {system.id}: {system.title}",
        "",
        f"**{proof.verdict}** · {paper}",
        "",
        f"> {claim.sentence}",
        "",
        *([f"![{picture.stem}]({picture.name})", ""] if picture else []),
        "## What must hold",
        "",
        "| | margin | 95 % interval | p | |",
        "|---|---:|---:|---:|---|",
        *(f"| {' | '.join(verdict_cells(verdict))} |" for verdict in proof.verdicts),
        "",
        _how_judged(proof.verdicts),
        "",
        *_numbers(proof),
        *([claim.notes.strip(), ""] if claim.notes else []),
        *_parity(system.id),
        *_settings(proof),
        "## Made by",
        "",
        f"`{command}` on {_today()}{_taken(proof)}.",
        "",
        f"- {machine()}",
        f"- {versions()}",
        f"- seeds 0 to {claim.seeds - 1}" if claim.seeds > 1 else "- seed 0",
    ]
    return "\n".join(lines) + "\n"


def verdict_cells(verdict: Verdict) -> list[str]:
    """What must hold, by how much it does, the interval of that, p, verdict."""
    least = verdict.inequality.least
    value, low, high = (x - least for x in (verdict.value, verdict.low, verdict.high))
    if verdict.inequality.every:
        span, p = f"every seed in [{_signed(low)}, {_signed(high)}]", ""
    else:
        span = f"[{_signed(low)}, {_signed(high)}]" if low == low else "none"
        p = p_text(verdict.p) if verdict.p == verdict.p else "n/a"
    return [verdict.inequality.says, _signed(value), span, p, verdict.verdict]


def interval_text(interval: NestedInterval) -> str:
    """A value and its interval."""
    if interval.low != interval.low:
        return f"{_plain(interval.value)}"
    return f"{_plain(interval.value)} [{_plain(interval.low)}, {_plain(interval.high)}]"


def _how_judged(verdicts: Sequence[Verdict]) -> str:
    text = (
        "Margin: how far the left side is above what it must be. Intervals are for new seeds and "
        "new items; *holds* where the whole interval is above 0, *does not hold* where it is "
        "below, else *undecided*."
    )
    if any(verdict.inequality.every for verdict in verdicts):
        text += " *Every seed*: the smallest and the largest margin, nothing is estimated."
    return text


def _numbers(proof: Proof) -> list[str]:
    """Every arm's metrics, with intervals."""
    arms = {name: m for name, m in proof.outcome.items() if VALUE not in m}
    values = {name: m[VALUE] for name, m in proof.outcome.items() if VALUE in m}
    lines = []
    if arms:
        metrics = list(dict.fromkeys(metric for found in arms.values() for metric in found))
        lines += [f"| arm | {' | '.join(metrics)} |", "|---|" + "---:|" * len(metrics)]
        for name, found in arms.items():
            cells = (_cell(m, found[m]) if m in found else "" for m in metrics)
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append("")
    if values:
        lines += ["| number | value |", "|---|---:|"]
        lines += [f"| {n} | {interval_text(nested_interval(v))} |" for n, v in values.items()]
        lines.append("")
    return lines


def _cell(metric: str, values: np.ndarray) -> str:
    """A metric with its interval; a cost is what it was on this machine, no more."""
    if metric in COSTS:
        return f"{values.mean():,.0f}"
    return interval_text(nested_interval(values))


def _parity(system: str) -> list[str]:
    """What agrees with the authors' code."""
    lines = parity_lines(system)
    if not lines:
        return []
    said = f"Values and gradients beside those of other code, to {tolerance()}:"
    return ["## Parity", "", said, "", *(f"- {line}" for line in lines), ""]


def _settings(proof: Proof) -> list[str]:
    claim = proof.claim
    if not claim.arms:
        return []
    shared = {"data": claim.data, **claim.settings, "budget": claim.budget}
    content = {"all": shared, **{name: dict(own) for name, own in claim.arms.items()}}
    if proof.rows:
        cost = proof.rows[0].cost
        shared["examples"] = cost.examples
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=None)
    return ["## Settings", "", "```yaml", text.rstrip(), "```", ""]


def _taken(proof: Proof) -> str:
    """How long it takes where nothing is there yet."""
    if not proof.rows:
        return ""
    seconds = sum(row.cost.seconds for row in proof.rows)
    return f"; its {len(proof.rows)} trainings took {_duration(seconds)} in all"


def _plain(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def _signed(value: float) -> str:
    return f"{value:+.3g}" if abs(value) < 10 else f"{value:+.1f}"


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
