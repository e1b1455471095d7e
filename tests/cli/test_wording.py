"""Errors of settings begin with the option that was given, and with no other."""

from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from dipole.cli.wording import Command
from dipole.errors import InputError, RunError


def said(message, *arguments, kind=InputError):
    app = typer.Typer()

    @app.command(cls=Command)
    def command(
        text: str,
        batch_size: int = 1,
        weight: Annotated[list[float] | None, typer.Option()] = None,
        count: Annotated[int, typer.Option("-k")] = 3,
    ) -> None:
        raise kind(message)

    with pytest.raises(kind) as raised:
        CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    return str(raised.value)


def test_what_was_given_is_called_by_its_option():
    assert said("batch_size: 0; found", "x", "--batch-size", "0") == "--batch-size: 0; found"
    assert said("weights[1]: nan", "x", "--weight", "1") == "--weight: nan"
    assert said("count: 0", "x", "-k", "0", kind=RunError) == "-k: 0"


@pytest.mark.parametrize("message", ["batch_size: 0", "weights: 0", "text: x", "other: 1", "a, b"])
def test_what_was_not_given_stays(message):
    assert said(message, "x") == message


def test_a_file_that_stands_alone_is_given_its_option():
    app = typer.Typer()

    @app.command(cls=Command)
    def train(data: Annotated[str, typer.Option()] = "") -> None:
        pass

    @app.command(cls=Command)
    def search(query: str) -> None:
        pass

    for arguments, message in {
        ("train", "faq.csv"): "train: found 'faq.csv'; expected --data faq.csv",
        ("search", "tie", "a"): "search: found 'a'; expected options, or quotes around several",
    }.items():
        with pytest.raises(InputError, match=message):
            CliRunner().invoke(app, list(arguments), catch_exceptions=False)
