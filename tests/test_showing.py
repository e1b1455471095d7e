from __future__ import annotations

import ast
import io
import json
import sys
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

import dipole
from dipole.cli import main
from dipole.errors import InputError
from dipole.showing import plain, print_json, say, terminal

# Clears the screen, sets the title, goes back to the start of the line, turns the text around.
EVIL = "a\x1b[2J\x1b]0;title\x07\x9b31m\rb\u202ec\u2066\u2028\ud83d"


def harmless(text: str) -> bool:
    return all(c.isprintable() or c == "\n" for c in text)


def test_a_line_has_nothing_that_steers() -> None:
    assert plain(EVIL).isprintable()
    assert plain("Größe 日本 \U0001f600") == "Größe 日本 \U0001f600"
    assert plain("می\u200cخواهم") == "می\u200cخواهم"  # a joiner is part of the word
    assert plain("one\ntwo\tthree") == "one two three"


def test_what_is_printed_is_harmless_and_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    console = terminal()
    table = Table(title=f"{EVIL} [red]title[/red]")
    table.add_column(EVIL)
    table.add_row(f"[bold]{EVIL}[/bold]")
    table.add_row(Text(EVIL))
    console.print(table)
    console.print(f"[bold]x[/bold] :smile: {EVIL}")
    say(EVIL)
    print_json({"a": EVIL, "b": "日本"})
    out = capsys.readouterr().out
    assert harmless(out)
    assert "[bold]x[/bold] :smile:" in out
    assert "[red]title[/red]" in out
    assert json.loads(out.splitlines()[-1]) == {"a": EVIL, "b": "日本"}


def test_a_colour_of_ours_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "xterm"), ("NO_COLOR", "")):
        monkeypatch.setenv(name, value)
    console = terminal()
    console.file = io.StringIO()
    console.print(Text(f"x{EVIL}", style="bold"))
    shown = console.file.getvalue()
    assert "\x1b[2J" not in shown
    assert shown.startswith("\x1b[1mx")


def test_errors_are_one_line_whatever_they_quote() -> None:
    error = InputError(f"column {EVIL}\n{EVIL}: found none")
    assert str(error).isprintable()
    assert str(InputError()) == ""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images in a folder of a name that is not ASCII, in classes that are not."""
    Image = pytest.importorskip("PIL.Image")
    for number, split in enumerate(("train", "test")):
        for value, name in enumerate(("größe", "猫")):
            place = tmp_path / "日本" / split / name
            place.mkdir(parents=True)
            for i in range(2):
                Image.new("L", (2, 2), 90 * value + 20 * number + i).save(place / f"{i}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["evaluate", "pixels", "--task", "knn", "--data", "日本", "--k", "1"], 0, "knn on "),
        (["evaluate", "pixels", "--task", "knn", "--data", "日本", "--k", "1", "--json"], 0, "knn"),
        (["search", "größe\x1b[2J", "x"], 2, "no such index"),
        (["systems"], 0, "esimcse"),
    ],
)
def test_a_terminal_of_few_characters_stops_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, arguments: list[str], code: int,
    part: str,
) -> None:  # fmt: skip
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    monkeypatch.setattr(sys, "argv", ["dipole", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = (
        (s.flush(), s.buffer.getvalue().decode(encoding))[1]  # type: ignore[attr-defined]
        for s in streams
    )
    assert (ended.value.code or 0) == code, err
    assert part in out + err
    assert harmless(out + err)
    if "--json" in arguments:
        assert json.loads(out)["data"] == "日本"


def test_nothing_prints_past_it() -> None:
    """`say`, `print_json` and `terminal` are the only ways to a terminal."""
    source = Path(dipole.__file__).parent
    found = []
    for file in sorted(source.rglob("*.py")):
        if file.name == "showing.py" or file.parts[-2:] == (
            "plots",
            "batches.py",
        ):  # a script of the docs
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in ("print", "typer.echo", "click.echo", "Console", "typer.secho"):
                    found.append(f"{file.relative_to(source)}:{node.lineno}: {called}")
    assert found == []
