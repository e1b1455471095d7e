"""Wrong values for every option of every command, and wrong files for what commands read.

`python -m support.fuzzing` (in tests/) tries them all and prints what was no clear line;
tests/cli/test_fuzz.py tries some of them.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from support.tiny_llama import save_tiny_llama

VALUES = (
    "", " ", "nan", "inf", "-inf", "-1", "0", "1", "0.5", "1e999", "99999999999999", "true",
    "null", "[1, a]", "{}", "a=1", "=", "dim=-1", "dim=x", "dim=1e15", "dim=[]", "a,b", "1:0",
    "nonsense", "infonce + ", "1 * 2", "../nowhere/x.csv", "/dev/null", "\x1b[31mred", "naïve",
    "FOLDER", "FILE", "BINARY", "x" * 300,
)  # fmt: skip
# No work of minutes: what would only take long is no fault.
LONG = {
    "--max-steps",
    "--epochs",
    "--episodes",
    "--trials",
    "--seeds",
    "--jobs",
    "--budget",
    "--workers",
}
# Damage to a small text file, by name.
DAMAGES = ("empty", "cut", "binary", "list", "null", "nan", "wrong types", "negative")


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit code and what it wrote to stderr, or what it raised."""

    code: int | str | None
    errors: str
    raised: BaseException | None = None

    @property
    def fault(self) -> str | None:
        """What is wrong with it, if anything."""
        if self.raised is not None:
            return f"{type(self.raised).__name__}: {self.raised}"
        lines = [line for line in self.errors.splitlines() if line.startswith("error: ")]
        if self.code in (1, 2) and len(lines) != 1 and "Usage:" not in self.errors:
            return f"exit code {self.code} with {len(lines)} lines of error: {self.errors[-300:]!r}"
        if self.code not in (0, 1, 2, None):
            return f"exit code {self.code}"
        if any(not (c.isprintable() or c in "\n\t") for line in lines for c in line):
            return f"control characters: {lines[0]!r}"
        return None


def run(arguments: list[str]) -> Outcome:
    """`dipole ARGUMENTS` in this process."""
    from dipole.cli import main

    before, sys.argv = sys.argv, ["dipole", *arguments]
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
            main()
    except SystemExit as end:
        return Outcome(end.code, errors.getvalue())
    except Exception as error:
        return Outcome(None, errors.getvalue(), error)
    finally:
        sys.argv = before
    return Outcome(0, errors.getvalue())


@dataclass(frozen=True)
class Desk:
    """A folder with a small file of every kind, a run and an index."""

    root: Path

    @classmethod
    def make(cls, root: Path) -> Desk:
        (root / "folder").mkdir(parents=True)
        (root / "out-here").mkdir()
        pairs = [
            f"how do I {verb} the {thing},you {verb} it by {verb}ing the {thing}\n"
            for verb in ("open", "close", "paint", "sell")
            for thing in ("door", "window", "car", "house", "box")
        ]
        (root / "pairs.csv").write_text("question,answer\n" + "".join(pairs), encoding="utf-8")
        (root / "binary").write_bytes(bytes(range(256)) * 8)
        scored = [f"{line.strip()},{i % 5}\n" for i, line in enumerate(pairs)]
        (root / "scored.csv").write_text("first,second,score\n" + "".join(scored), "utf-8")
        (root / "labelled.csv").write_text(
            "text,label\n" + "".join(f"{p.split(',')[0]},{p.split()[3]}\n" for p in pairs), "utf-8"
        )
        (root / "recipe.yaml").write_text("objective: dcl\nbatch_size: 4\n", encoding="utf-8")
        save_tiny_llama(root / "language-model")
        desk = cls(root)
        for arguments in (desk.base("train", "run"), desk.base("index", "index")):
            outcome = desk.run(arguments)
            assert outcome.code == 0, outcome
        return desk

    def base(self, command: str, out: str = "out") -> list[str]:
        """A command that works, to `out`."""
        root = self.root
        train = [
            "--data", f"{root}/pairs.csv", "--anchor", "question", "--positive", "answer",
            "--batch-size", "4", "--encoder-option", "dim=8",
        ]  # fmt: skip
        target = ["--out", f"{root}/{out}"]
        return {
            "train": ["train", *train, "--max-steps", "2", *target],
            "evaluate": ["evaluate", f"{root}/run", "--data", f"{root}/pairs.csv"],
            "mine": [
                "mine", f"{root}/run", "--data", f"{root}/pairs.csv", "--out", f"{root}/{out}.jsonl"
            ],
            "index": [
                "index", f"{root}/run", "--corpus", f"{root}/pairs.csv", "--text", "answer", *target
            ],
            "encode": [
                "encode", f"{root}/run", "--data", f"{root}/labelled.csv", "--column", "text",
                "--out", f"{root}/{out}.jsonl",
            ],
            "generate": [
                "generate", f"{root}/language-model", "--prompt", "a", "--max-new-tokens", "2",
            ],
            "paraphrases": [
                "paraphrases", f"{root}/labelled.csv", "--model", f"{root}/run",
                "--out", f"{root}/{out}.jsonl",
            ],
            "export": ["export", f"{root}/run", "--to", "sentence-transformers", *target],
            "push": ["push", f"{root}/run", "--to", "me/it", "--dry-run", f"{root}/{out}"],
            "search": ["search", f"{root}/index", "how do I open the door"],
            "compare": [
                "compare", *train, "--budget", "2steps", "--seeds", "1",
                "--objectives", "infonce,dcl", *target,
            ],
            "tune": ["tune", *train, "--trials", "1", "--finalists", "0", *target],
            "merge": ["merge", f"{root}/run", f"{root}/run", *target],
            "systems": ["systems"],
            "objectives": ["objectives"],
            "data": ["data"],
            "align": [
                "align", f"{root}/pairs.csv", "--source-column", "question", "--target-column",
                "answer",
            ],
            "advise": ["advise", f"{root}/pairs.csv"],
            "prove": ["prove", "--quick", *target],
        }[command]  # fmt: skip

    def value(self, value: str) -> str:
        names = {"FOLDER": "folder", "FILE": "pairs.csv", "BINARY": "binary"}
        return str(self.root / names[value]) if value in names else value

    def clean(self) -> None:
        """What a command may have written, in the folder it is run in too."""
        for path in self.root.iterdir():
            if path.name.startswith((".out", "out")):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        (self.root / "out-here").mkdir()

    def run(self, arguments: list[str]) -> Outcome:
        """`dipole ARGUMENTS`, in an empty folder."""
        self.clean()
        with contextlib.chdir(self.root / "out-here"):
            return run(arguments)


COMMANDS = (
    "train", "evaluate", "mine", "index", "search", "compare", "tune", "merge", "systems",
    "encode", "export", "generate", "paraphrases", "push", "advise", "data", "objectives", "align",
)  # fmt: skip


def options() -> list[tuple[str, str, bool]]:
    """(command, option, whether it is a flag) of every command."""
    from dipole.cli import app

    found: list[tuple[str, str, bool]] = []
    group: Any = typer.main.get_command(app)
    for command in COMMANDS:
        for parameter in group.commands[command].params:
            if parameter.param_type_name == "option" and "--help" not in parameter.opts:
                found.append((command, parameter.opts[0], parameter.is_flag))
    return found


def with_option(desk: Desk, command: str, option: str, value: str | None) -> list[str]:
    """The command with this option in the place of the one it has."""
    arguments = desk.base(command)
    if value is None:
        return [*arguments, option]
    if option in arguments and option != "--encoder-option":
        place = arguments.index(option)
        return [*arguments[: place + 1], desk.value(value), *arguments[place + 2 :]]
    return [*arguments, option, desk.value(value)]


def cases() -> Iterator[tuple[str, str, str | None]]:
    """Every (command, option, value)."""
    for command, option, is_flag in options():
        if is_flag:
            yield command, option, None
            continue
        for value in VALUES:
            if option not in LONG or value.strip("0123456789e.") != "" or value in ("0", "-1"):
                yield command, option, value


def files_of_model(desk: Desk) -> list[Path]:
    """Text files of a run that a command reads."""
    kept = (".json", ".yaml", ".txt")
    return sorted(p for p in (desk.root / "run").rglob("*") if p.suffix in kept and p.is_file())


@contextlib.contextmanager
def spoilt(path: Path, damage: str) -> Iterator[None]:
    """A file that is damaged for a while."""
    before = path.read_bytes()
    path.write_bytes(damaged(before.decode(), damage))
    try:
        yield
    finally:
        path.write_bytes(before)


def damaged(text: str, damage: str) -> bytes:
    """A file's content, spoilt."""
    if damage in ("wrong types", "negative", "nan"):
        try:
            values = json.loads(text)
        except ValueError:
            return b"dim: []\ndata: 5\nstages: 5\nparts: true\nobjective_options: 3\n"
        new = {"wrong types": ["x"], "negative": -1, "nan": float("nan")}[damage]
        if isinstance(values, dict):
            values = {k: v if isinstance(v, str) and damage != "wrong types" else new
                      for k, v in values.items()}  # fmt: skip
        return json.dumps(values).encode()
    return {
        "empty": b"", "cut": text.encode()[: len(text) // 2], "binary": bytes(range(256)),
        "list": b"[1, 2]", "null": b"null",
    }[damage]  # fmt: skip


def main() -> None:
    """Tries everything, and prints each fault."""
    import resource
    import signal
    import tempfile
    import time

    only = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (10 * 2**30, 10 * 2**30))

    def late(*_: object) -> None:
        raise TimeoutError("a minute")

    signal.signal(signal.SIGALRM, late)
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk.make(Path(folder) / "desk")
        tried = faults = 0
        for command, option, value in cases():
            if only and command not in only:
                continue
            arguments = with_option(desk, command, option, value)
            tried += 1
            started = time.monotonic()
            signal.alarm(60)
            outcome = desk.run(arguments)
            signal.alarm(0)
            if outcome.fault or time.monotonic() - started > 20:
                faults += 1
                print(f"{command} {option} {value!r}: {outcome.fault or 'slow'}", flush=True)
        for path in files_of_model(desk) if not only or "files" in only else ():
            for damage in DAMAGES:
                for command in ("evaluate", "index", "search", "mine", "merge"):
                    tried += 1
                    signal.alarm(60)
                    with spoilt(path, damage):
                        outcome = desk.run(desk.base(command))
                    signal.alarm(0)
                    if outcome.fault:
                        faults += 1
                        where = path.relative_to(desk.root)
                        print(f"{command}, {where} {damage}: {outcome.fault}", flush=True)
        print(f"{tried} tried, {faults} faults")


if __name__ == "__main__":
    main()
