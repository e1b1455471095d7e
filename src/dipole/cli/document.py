"""Writes docs/commands.md and docs/api/ from the commands and the public names:
`python -m dipole.cli.document`.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from dipole.objectives.contract.base import Objective, forward_inputs
from dipole.objectives.contract.registry import OBJECTIVES, objective_class, options

NOTE = "<!-- Written by `python -m dipole.cli.document`; do not edit. -->"
# Page -> package, and what is in it.
PACKAGES = {
    "dipole": ("dipole", "Training, and the errors that everything raises."),
    "data": ("dipole.data", "Readers, typed examples and named data sets."),
    "encoders": ("dipole.encoders", "Models that turn inputs into vectors."),
    "objectives": ("dipole.objectives", "The losses."),
    "evaluation": ("dipole.evaluation", "Tasks, measures, intervals and tests."),
    "retrieval": ("dipole.retrieval", "An index on disk, hybrid search, fusion of rankings."),
    "decoding": ("dipole.language.decoding", "Text from language models, and its methods."),
    "words": ("dipole.aligning.words", "Which words of two parallel sentences belong together."),
}
# Room of the objectives -> what they are given.
ROOMS = {
    "contract": "The base class",
    "pairs": "Pairs",
    "views": "Several views",
    "labels": "Classes or numbers as labels",
    "graded": "Graded pairs",
    "lists": "Lists of candidates",
    "dimensions": "Feature dimensions",
    "sets": "Sets of prototypes",
    "tokens": "Tokens",
    "preferences": "Answers of a language model",
}


def pages() -> dict[str, str]:
    """Path below docs/ -> text."""
    found = {f"api/{page}.md": _package(*PACKAGES[page]) for page in PACKAGES}
    found["api/objectives.md"] = _objectives()
    return {"commands.md": commands(), "api/index.md": _index()} | found


def commands() -> str:
    """Every command with its options, as `--help` has them."""
    from dipole.cli import app

    root: Any = typer.main.get_command(app)
    train = root.commands["train"]
    lines = [
        "# Commands", "", NOTE, "",
        "`dipole COMMAND --help` prints the same. Bad input is one line and exit code 2.", "",
        "| command | what it does |", "|---|---|",
    ]  # fmt: skip
    found = list(_commands(root, "dipole"))
    for name, command in found:
        anchor = name.replace(" ", "-")
        lines.append(f"| [`{name}`](#{anchor}) | {_first_line(command.help)} |")
    for name, command in found:
        lines += ["", f"## {name}", "", *_help(command.help), "", *_table(command, train)]
    return "\n".join(lines) + "\n"


def _commands(group: Any, name: str) -> Iterator[tuple[str, Any]]:
    for word, command in group.commands.items():
        yield f"{name} {word}", command
        if getattr(command, "commands", None):
            yield from _commands(command, f"{name} {word}")


def _first_line(text: str) -> str:
    return " ".join(text.strip().split("\n\n")[0].split())


def _help(text: str) -> list[str]:
    """The docstring of a command; what follows `dipole` in it is code."""
    lines: list[str] = []
    for paragraph in text.strip().split("\n\n"):
        says, found, command = " ".join(paragraph.split()).partition(": dipole ")
        lines += [f"{says}:\n\n    dipole {command}" if found else says, ""]
    return lines[:-1]


def _table(command: Any, train: Any) -> list[str]:
    """The options; of a command that trains many times those that are not `dipole train`'s."""
    own, theirs = _shown(command), _shown(train)
    known = {(p.name, p.help) for p in theirs}
    shared = {p.name for p in own if (p.name, p.help) in known}
    if command is train or len(shared) < 20:
        shared = set()
    rest = [p for p in own if p.name not in shared]
    lines = ["| option | meaning |", "|---|---|", *map(_row, rest)] if rest else []
    if shared:
        names = {p.name for p in own} | {"recipe", "resume", "changed_data"}
        lacking = [f"`{p.opts[0]}`" for p in theirs if p.name not in names]
        lines += ["", "All other options of [`dipole train`](#dipole-train) work as they do there"]
        lines[-1] += f", except for {', '.join(lacking)}." if lacking else "."
    return lines


def _shown(command: Any) -> list[Any]:
    return [p for p in command.params if not getattr(p, "hidden", False) and p.name != "help"]


def _row(param: Any) -> str:
    if param.param_type_name == "argument":
        name = (param.metavar or param.name).upper()
        name = name if param.required else f"[{name}]"
    else:
        name = "`, `".join([*param.opts, *param.secondary_opts])
    default = param.show_default if isinstance(param.show_default, str) else param.default
    shown = ""
    if param.show_default and default not in (None, False, [], "") and param.default is not True:
        shown = f" Default: {default}."
    says = (param.help or "").replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
    return f"| `{name}` | {says}{shown} |"


def _index() -> str:
    lines = [
        "# Python API", "", NOTE, "",
        "Everything here is public: it keeps its name and its arguments. Names are imported where "
        "they are first used, so importing a package costs nothing.", "",
        "| package | what is in it |", "|---|---|",
    ]  # fmt: skip
    lines += [f"| [`{name}`]({page}.md) | {about} |" for page, (name, about) in PACKAGES.items()]
    lines += [
        "",
        "Settings of a training are keywords of [`dipole.fit`](dipole.md), with the names and "
        "meanings of the options of [`dipole train`](../commands.md#dipole-train): `batch_size` "
        "is `--batch-size`.",
    ]
    return "\n".join(lines) + "\n"


def _package(name: str, about: str) -> str:
    package = importlib.import_module(name)
    names = [n for n in package.__all__ if _is_told(getattr(package, n)) and n[0] != "_"]
    lines = [f"# {name}", "", NOTE, "", about]
    functions = sorted((n for n in names if n[0].islower()), key=str.lower)
    classes = sorted((n for n in names if not n[0].islower()), key=str.lower)
    for one in [*functions, *classes]:
        lines += ["", f"::: {name}.{one}"]
    return "\n".join(lines) + "\n"


def _is_told(thing: Any) -> bool:
    """Whether it is a function or a class, and has a docstring of its own."""
    return bool((inspect.isclass(thing) or inspect.isroutine(thing)) and inspect.getdoc(thing))


def _objectives() -> str:
    name, about = PACKAGES["objectives"]
    lines = [
        f"# {name}", "", NOTE, "", about + " [All in one table](../objectives.md), "
        "[which one for which data](../choosing.md), [how to write one](../new-objective.md).",
    ]  # fmt: skip
    common = options(Objective)
    for room, heading in ROOMS.items():
        lines += ["", f"## {heading}"]
        if room == "contract":
            for one in ("build_objective", "Objective", "Sum"):
                lines += ["", f"::: {name}.{one}", "    options:", "      heading_level: 3"]
            continue
        places = {p.partition(":")[2]: n for n, p in OBJECTIVES.items() if p.startswith(room)}
        for cls in sorted(places, key=str.lower):
            found = objective_class(places[cls])
            settings = [f"{k}={v!r}" for k, v in options(found).items() if k not in common]
            given = [k if must else f"[{k}]" for k, must in forward_inputs(found.forward).items()]
            lines += [
                "", f"::: {name}.{cls}", "    options:", "      heading_level: 3",
                "      members: false", "      show_signature: false", "",
                f"`--objective {places[cls]}` · given {', '.join(given)}"
                + (f" · settings {_code(settings)}" if settings else ""),
            ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _code(settings: list[str]) -> str:
    needed = "<class 'inspect._empty'>"
    return ", ".join(f"`{text.removesuffix('=' + needed)}`" for text in settings)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs")
    for path, text in pages().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
