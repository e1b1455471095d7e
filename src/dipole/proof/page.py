"""The page of a claim: <id>.md with its picture, and its line in results.json."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import yaml

from dipole.evaluation.report import p_text
from dipole.evaluation.statistics.over_seeds import NestedInterval, nested_interval
from dipole.files import write_text
from dipole.proof.picture import draw
from dipole.proof.prove import Proof, delta_of, is_elsewhere
from dipole.studies.bench import numbers
from dipole.studies.cells import COSTS
from dipole.studies.claim import LOOKS, VALUE
from dipole.studies.machine import machine, versions
from dipole.studies.measuring import data_digest
from dipole.studies.verdict import UNDECIDED, Verdict, seeds_to_decide
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
    system, primary = proof.system.id, proof.primary
    picture = draw(proof, folder / f"{system}.png")
    page = folder / f"{system}.md"
    write_text(page, page_text(proof, command, picture))
    result = Result(
        proof.verdict, _today(), dipole.__version__, code_of_system(system),
        found=f"{primary.inequality.says}: {_found(primary)}", why=primary.why,
        seeds=primary.seeds, seconds=round(_seconds(proof), 1),
    )  # fmt: skip
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
    claim, primary = proof.claim, proof.primary
    system, paper = entry_of(proof.system.id), proof.system.paper
    if system.arxiv:
        paper = f"[{paper}]({system.paper})"
    lines = [
        f"# {system.id}: {system.title}",
        "",
        f"**{proof.verdict}**{f' ({primary.why})' if primary.why else ''} · {paper}",
        "",
        f"> {claim.sentence}",
        "",
        *([claim.lesson, ""] if claim.lesson else []),
        *([f"![{picture.stem}]({picture.name})", ""] if picture else []),
        "## What decides",
        "",
        *_table([primary]),
        "",
        _how_judged(proof),
        "",
        f"The paper: {claim.reported}." if claim.reported else "The paper gives no number for it.",
        "",
        *_beside(proof.secondary),
        *_numbers(proof),
        *_bench(proof),
        *([claim.notes.strip(), ""] if claim.notes else []),
        *_parity(system.id),
        *_settings(proof),
        "## Made by",
        "",
        f"`{command}` on {_today()}{_taken(proof)}.",
        "",
        f"- {machine()}",
        f"- {versions()}",
        f"- seeds 0 to {primary.seeds - 1}" if primary.seeds > 1 else "- seed 0",
    ]
    return "\n".join(lines) + "\n"


def verdict_cells(verdict: Verdict) -> list[str]:
    """What must hold, by how much it does, the interval of that, p, verdict."""
    margin, _, span = _found(verdict).partition(" ")
    p = p_text(verdict.p) if verdict.p == verdict.p else "n/a"
    word = verdict.verdict + (f", {verdict.why}" if verdict.why else "")
    return [verdict.inequality.says, margin, span, "" if verdict.inequality.every else p, word]


def interval_text(interval: NestedInterval) -> str:
    """A value and its interval."""
    if interval.low != interval.low:
        return f"{_plain(interval.value)}"
    return f"{_plain(interval.value)} [{_plain(interval.low)}, {_plain(interval.high)}]"


def _found(verdict: Verdict) -> str:
    """The margin and its interval."""
    least = verdict.inequality.least
    value, low, high = (x - least for x in (verdict.value, verdict.low, verdict.high))
    if low != low:
        return f"{_signed(value)} none"
    every = "every seed in " if verdict.inequality.every else ""
    return f"{_signed(value)} {every}[{_signed(low)}, {_signed(high)}]"


def _table(verdicts: Sequence[Verdict]) -> list[str]:
    return [
        "| | margin | interval | p | |",
        "|---|---:|---:|---:|---|",
        *(f"| {' | '.join(verdict_cells(verdict))} |" for verdict in verdicts),
    ]


def _beside(verdicts: Sequence[Verdict]) -> list[str]:
    if not verdicts:
        return []
    return [
        "## Beside it",
        "",
        "These decide nothing; intervals of 95 %.",
        "",
        *_table(verdicts),
        "",
    ]


def _how_judged(proof: Proof) -> str:
    primary, delta = proof.primary, delta_of(proof.claim)
    if primary.inequality.every:
        return (
            "The smallest and the largest margin of all seeds; nothing is estimated. Margin: how"
            " far the left side is above what it must be."
        )
    text = (
        "Margin: how far the left side is above what it must be; its interval, of "
        f"{100 * primary.level:.1f} %, is for new seeds"
        f"{'' if _is_per_seed(proof) else ' and new items'}, at {primary.seeds} seeds"
        f" ({_planned(proof.claim.looks)})."
    )
    if primary.inequality.within is None:
        text += " *Holds*: all of it is above 0; *reversed*: below"
        text += f"; *no difference*: within {delta:g} of 0." if delta else "."
    if primary.verdict == UNDECIDED:
        needed = seeds_to_decide(primary, delta)
        if needed is not None and needed > LOOKS[-1]:
            text += f" About {needed} seeds would decide it, were the margin what it is now."
    return text


def _planned(looks: Sequence[int]) -> str:
    """How often a claim may be looked at."""
    first, *later = looks
    if not later:
        return f"one look, at {first}"
    return (
        f"looked at with {first}, {' and '.join(map(str, later))} until it is decided, never beyond"
    )


def _is_per_seed(proof: Proof) -> bool:
    first = next(iter(proof.primary.inequality.weights))
    return proof.outcome[first][proof.primary.inequality.on].shape[1] == 1


def _numbers(proof: Proof) -> list[str]:
    """Every arm's metrics, with intervals; what no training and none of this tower reach."""
    arms = {name: m for name, m in proof.outcome.items() if VALUE not in m}
    values = {name: m[VALUE] for name, m in proof.outcome.items() if VALUE in m}
    lines = []
    if arms:
        asked = {v.inequality.on for v in (proof.primary, *proof.secondary)}
        metrics = list(dict.fromkeys(m for found in arms.values() for m in found))
        metrics = [m for m in metrics if m not in COSTS or m in asked]
        lines += [f"| arm | {' | '.join(metrics)} |", "|---|" + "---:|" * len(metrics)]
        for name, found in arms.items():
            cells = [
                interval_text(nested_interval(found[m])) if m in found else "" for m in metrics
            ]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        known = numbers().get(proof.claim.bench)
        same = not proof.full and not is_elsewhere(proof.claim)
        if known is not None and proof.bench is not None and same:
            for name in ("untrained", "trivial"):
                cells = [
                    f"{getattr(known, name):.1f}" if m == proof.bench.metric else ""
                    for m in metrics
                ]
                lines.append(f"| *{name}* | {' | '.join(cells)} |")
        for arm, start in proof.untrained.items():
            cells = [f"{start[m]:.1f}" if m in start else "" for m in metrics]
            lines.append(f"| *{arm}, untrained* | {' | '.join(cells)} |")
        lines.append("")
    if values:
        lines += ["| number | value |", "|---|---:|"]
        lines += [f"| {n} | {interval_text(nested_interval(v))} |" for n, v in values.items()]
        lines.append("")
    return lines


def _bench(proof: Proof) -> list[str]:
    where = proof.bench
    if where is None:
        return []
    known = numbers().get(where.id)
    said = f"[The bench {where.id}](../benches/{where.id}.md): {where.about}."
    lines = ["## Where", "", said]
    if proof.full:
        lines += ["", f"Its full budget: {_values(where.full)}."]
    if proof.claim.regime:
        lines += ["", f"Otherwise than on the bench: {proof.claim.regime}"]
    if is_elsewhere(proof.claim) and not proof.untrained:
        what = "The data or the tower are the claim's own"
        lines += ["", f"{what}: whether the baseline beats an untrained tower is not checked."]
    if own := proof.claim.settings.get("data"):
        digest = data_digest(next(iter(proof.arms.values())))
        lines += ["", f"Data: `{own}`, SHA-256 `{digest}`."]
    elif known is not None:
        lines += ["", f"Data: SHA-256 `{known.data}`."]
    if proof.tuned:
        lines += ["", "Each arm has the value that was best on rows that no arm is judged by:", ""]
        lines += [f"- {arm}: {_values(values)}" for arm, values in proof.tuned.items()]
    return [*lines, ""]


def _values(values: object) -> str:
    return ", ".join(f"{k} {v}" for k, v in dict(values).items())  # type: ignore[call-overload]


def _parity(system: str) -> list[str]:
    """What agrees with the authors' code."""
    lines = parity_lines(system)
    if not lines:
        return []
    said = f"Values and gradients beside those of other code, to {tolerance()}:"
    return ["## Parity", "", said, "", *(f"- {line}" for line in lines), ""]


def _settings(proof: Proof) -> list[str]:
    """What all arms share, and what each has of its own."""
    if not proof.arms:
        return []
    arms = list(proof.arms.values())
    shared = {k: v for k, v in arms[0].items() if all(k in arm and arm[k] == v for arm in arms)}
    content = {"all": shared}
    for name, arm in proof.arms.items():
        content[name] = {k: v for k, v in arm.items() if k not in shared}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=None)
    return ["## Settings", "", "```yaml", text.rstrip(), "```", ""]


def _seconds(proof: Proof) -> float:
    return sum(row.cost.cpu_seconds for row in proof.rows) or proof.seconds


def _taken(proof: Proof) -> str:
    """How long it takes where nothing is there yet."""
    if not proof.rows:
        return ""
    return f"; its {len(proof.rows)} trainings took {_duration(_seconds(proof))} of CPU in all"


def _plain(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def _signed(value: float) -> str:
    return f"{value:+.3g}" if abs(value) < 10 else f"{value:+.1f}"


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
