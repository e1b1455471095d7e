"""The command line: `dipole VERB ...`; what a person did wrong is one line and exit code 2."""

from __future__ import annotations

import os
import sys

import typer

import dipole
from dipole.cli.advise import advise
from dipole.cli.align import align
from dipole.cli.benches import app as benches
from dipole.cli.compare import compare
from dipole.cli.data import data
from dipole.cli.demo import demo
from dipole.cli.distill import distill
from dipole.cli.encode import encode
from dipole.cli.evaluate import evaluate
from dipole.cli.export import export
from dipole.cli.generate import generate
from dipole.cli.hybrid import hybrid
from dipole.cli.index import index
from dipole.cli.merge import merge
from dipole.cli.mine import mine
from dipole.cli.objectives import app as objectives
from dipole.cli.paraphrases import paraphrases
from dipole.cli.prove import prove
from dipole.cli.push import push
from dipole.cli.search import search
from dipole.cli.systems import app as systems
from dipole.cli.train import train
from dipole.cli.tune import tune
from dipole.cli.views import views
from dipole.cli.wording import Command
from dipole.errors import DipoleError
from dipole.showing import replace_what_cannot_be_shown, say

app = typer.Typer(
    name="dipole",
    help="Train, evaluate and search with embeddings.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    demo, advise, data, views, mine, merge, distill, train, tune, evaluate, encode, index, search,
    hybrid, paraphrases, align, export, push, generate, compare, prove,
):  # fmt: skip
    app.command(cls=Command)(command)
app.add_typer(objectives, name="objectives")
app.add_typer(systems, name="systems")
app.add_typer(benches, name="benches")


def _print_version(asked: bool) -> None:
    if asked:
        say(f"dipole {dipole.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    pass


def main() -> None:
    """Run the command line; the entry point `dipole` and `python -m dipole`."""
    # Threads that wait by spinning starve whatever shares the cores: beside one busy process a
    # training on two cores took 28 s spinning and 5 s sleeping, alone 3.4 s and 3.6 s.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    replace_what_cannot_be_shown()
    try:
        app()
    except DipoleError as error:
        say(f"error: {error}", error=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say("stopped", error=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)  # `dipole ... | head`
    except OSError as error:  # a full disk, a name too long, no permission
        if error.filename is None or error.strerror is None:
            raise
        say(f"error: {error.filename}: {error.strerror.lower()}", error=True)
        sys.exit(2)
