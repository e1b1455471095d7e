"""A comparison as one HTML file: no network, no script, readable on a phone and on a desk."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import yaml

from dipole.evaluation.report import p_text
from dipole.studies.cells import COSTS

if TYPE_CHECKING:
    from dipole.studies.comparison.compare import Comparison

STYLE = """
:root { --ink: #1a1a1a; --soft: #5f6368; --line: #e3e5e8; --best: #0072b2; --rest: #767676; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.25rem 1rem 3rem; max-width: 60rem; color: var(--ink);
  background: #fff; font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .5rem; }
p { margin: .4rem 0; } .soft { color: var(--soft); font-size: .9rem; }
.facts { display: flex; flex-wrap: wrap; gap: .3rem 1.5rem; padding: 0; margin: .8rem 0 1.2rem;
  list-style: none; }
.facts b { font-weight: 600; }
.board { display: grid; border-top: 1px solid var(--line); }
.arm { display: grid; gap: 0 1rem; align-items: center; padding: .55rem 0;
  border-bottom: 1px solid var(--line);
  grid-template: "name score" auto "bar bar" auto "cost cost" auto / 1fr auto; }
.name { grid-area: name; font-weight: 600; overflow-wrap: anywhere; }
.score { grid-area: score; text-align: right; font-variant-numeric: tabular-nums; }
.score small { color: var(--soft); display: block; white-space: nowrap; }
.bar { grid-area: bar; padding: 0 6px; }
.bar svg { display: block; width: 100%; height: 26px; overflow: visible; }
.cost { grid-area: cost; color: var(--soft); font-size: .82rem; }
.tie { background: #e3f1f9; color: #00507e; border-radius: 3px; padding: 0 .4em;
  font-size: .75rem; font-weight: 600; margin-left: .4em; white-space: nowrap; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .7rem; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
pre { overflow-x: auto; background: #f6f7f8; padding: .7rem .9rem; border-radius: 4px;
  font-size: .82rem; }
.failed { color: #a33a00; overflow-wrap: anywhere; }
@media (min-width: 700px) {
  .arm { grid-template: "name bar score" auto "cost bar score" auto / 19rem 1fr 8.5rem; }
}
@media print { .arm { break-inside: avoid; } }
"""


def report_html(comparison: Comparison) -> str:
    """The report."""
    found = comparison.to_json()
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(found['data'])}: comparison</title>",
            f"<style>{STYLE}</style></head><body>",
            *_head(found),
            *_board(found),
            *_failures(found["failures"]),
            *_metrics(found["arms"]),
            *_made(found),
            "</body></html>",
        ]
    )


def _head(found: dict[str, Any]) -> list[str]:
    arms = found["arms"]
    tied = [arm["arm"] for arm in arms if arm["tied_with_best"]]
    best = f"<b>{escape(tied[0])}</b>"
    if len(tied) == 1:
        sentence = (
            f"{best} is ahead of all {len(arms) - 1} others." if arms[1:] else f"{best} alone."
        )
    else:
        others = ", ".join(map(escape, tied[1:]))
        sentence = f"{best} has the best score; not separable from it: {others}."
    advice = [f'<p class="soft">{escape(found["advice"])}.</p>'] if found["advice"] else []
    facts = {
        "Data": found["data"], "Metric": found["metric"], "Budget": found["budget"],
        "Seeds": found["seeds"], "Test items": f"{found['items']:,}", "Date": found["date"],
    }  # fmt: skip
    return [
        f"<h1>{len(arms)} ways to train on {escape(found['data'])}: {escape(found['metric'])}</h1>",
        f"<p>{sentence}</p>",
        *advice,
        '<ul class="facts">',
        *(f"<li>{name} <b>{escape(str(value))}</b></li>" for name, value in facts.items()),
        "</ul>",
    ]


def _board(found: dict[str, Any]) -> list[str]:
    arms, level = found["arms"], 100 * found["level"]
    ends = [arm[key] for arm in arms for key in ("score", "score_low", "score_high")]
    numbers = [e for e in ends if e is not None] + [x for arm in arms for x in arm["per_seed"]]
    low, high = min(numbers), max(numbers)
    room = (high - low or 1.0) * 0.03
    low, high = low - room, high + room
    lines = ['<div class="board">']
    for arm in arms:
        tie = '<span class="tie">tied with best</span>' if arm["tied_with_best"] else ""
        tie = tie if arm["rank"] > 1 else '<span class="tie">best</span>'
        lines += [
            '<div class="arm">',
            f'<div class="name">{escape(arm["arm"])}{tie}</div>',
            f'<div class="score"><b>{arm["score"]:.2f}</b><small>{_span(arm)}</small></div>',
            f'<div class="bar">{_bar(arm, low, high)}</div>',
            f'<div class="cost">{_cost(arm, found["seeds"])}</div>',
            "</div>",
        ]
    return [
        *lines,
        "</div>",
        f'<p class="soft">Line: {level:.3g} % interval for new seeds and new test items; circle: '
        "mean; dots: seeds. Tied: the best only looks better than this one, "
        f"p &gt; {1 - found['level']:.2g}, corrected for the number of arms. Axis from {low:.1f} "
        f"to {high:.1f}.</p>",
    ]


def _bar(arm: dict[str, Any], low: float, high: float) -> str:
    def x(value: float) -> str:
        return f"{100 * (value - low) / (high - low):.2f}%"

    colour = "var(--best)" if arm["tied_with_best"] else "var(--rest)"
    parts = ['<line x1="0" x2="100%" y1="13" y2="13" stroke="#eef0f2" stroke-width="8"/>']
    if arm["score_low"] is not None:
        parts.append(
            f'<line x1="{x(arm["score_low"])}" x2="{x(arm["score_high"])}" y1="13" y2="13" '
            f'stroke="{colour}" stroke-width="4" opacity=".5"/>'
        )
    parts += [f'<circle cx="{x(v)}" cy="13" r="2.5" fill="#1a1a1a"/>' for v in arm["per_seed"]]
    parts.append(
        f'<circle cx="{x(arm["score"])}" cy="13" r="6" fill="none" stroke="{colour}" '
        'stroke-width="2.5"/>'
    )
    label = escape(f"{arm['arm']}: {arm['score']:.2f} {_span(arm)}", quote=True)
    return f'<svg role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _span(arm: dict[str, Any]) -> str:
    if arm["score_low"] is None:
        return "no interval"
    return f"[{arm['score_low']:.2f}, {arm['score_high']:.2f}]"


def _cost(arm: dict[str, Any], seeds: int) -> str:
    fewer = f"{arm['seeds']} of {seeds} seeds · " if arm["seeds"] < seeds else ""
    return (
        f"{fewer}{arm['steps']:,.0f} steps · {arm['seconds']:,.1f} s · "
        f"{arm['examples_per_second']:,.0f} examples/s · {arm['peak_mb']:,.0f} MB"
    )


def _failures(failures: dict[str, str]) -> list[str]:
    if not failures:
        return []
    lines = [f"<li><b>{escape(arm)}</b>: {escape(why)}</li>" for arm, why in failures.items()]
    return ["<h2>Failed</h2>", '<ul class="failed">', *lines, "</ul>"]


def _metrics(arms: Sequence[dict[str, Any]]) -> list[str]:
    names = [name for name in arms[0]["metrics"] if name not in COSTS]
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    lines = [
        "<h2>All numbers</h2>",
        '<div class="wide"><table>',
        f"<tr><th></th>{head}<th>behind the best</th><th>p</th></tr>",
    ]
    for arm in arms:
        cells = "".join(f"<td>{arm['metrics'][name]:.2f}</td>" for name in names)
        behind, p = "", ""
        if arm["behind_best_low"] is not None:
            low, high = arm["behind_best_low"], arm["behind_best_high"]
            behind = f"{arm['behind_best']:+.2f} [{low:+.2f}, {high:+.2f}]"
            p = escape(p_text(arm["p"]))
        lines.append(f"<tr><td>{escape(arm['arm'])}</td>{cells}<td>{behind}</td><td>{p}</td></tr>")
    return [*lines, "</table></div>"]


def _made(found: dict[str, Any]) -> list[str]:
    settings = {arm["arm"]: arm["settings"] for arm in found["arms"]}
    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, default_flow_style=None)
    return [
        "<h2>Made by</h2>",
        f"<pre>{escape(found['command'])}</pre>",
        f'<p class="soft">{escape(found["machine"])}<br>{escape(found["versions"])}</p>',
        "<h2>Settings</h2>",
        f"<pre>{escape(text)}</pre>",
    ]
