"""One option per setting; what is not given is not passed on."""

from typing import Annotated, Literal

import pytest
import typer
from pydantic import BaseModel, Field
from typer.testing import CliRunner

from dipole import cli
from dipole.cli.options import Device, Devices, TrustCode, key_values, with_options
from dipole.encoders.trust import code_is_trusted
from dipole.errors import InputError


class Settings(BaseModel):
    data: str = Field(description="Where.")
    rate: float | None = Field(None, description="How fast.")
    batch_size: int = Field(8, description="How many.")
    kind: Literal["a", "b"] = Field("a", description="Which.")
    names: list[str] = Field(default_factory=list, description="Who.")
    encoder_options: dict[str, object] = Field(default_factory=dict, description="More.")


@pytest.fixture
def run():
    """Runs the command; what it was called with."""
    seen = {}

    @with_options(Settings)
    def command(out: Annotated[str, typer.Option(help="To.")], **settings) -> None:
        """Do it."""
        seen.update(out=out, **settings)

    app = typer.Typer()
    app.command()(command)

    def invoke(*arguments):
        seen.clear()
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        return result, dict(seen)

    return invoke


def test_only_what_is_given_arrives(run):
    assert run("--out", "x")[1] == {"out": "x"}
    assert run("--out", "x", "--rate", "0.5", "--batch-size", "3")[1] == {
        "out": "x",
        "rate": 0.5,
        "batch_size": 3,
    }


def test_lists_repeat_and_dicts_are_yaml(run):
    _, seen = run(
        "--out", "x", "--names", "p", "--names", "q",
        "--encoder-option", "dim=256", "--encoder-option", "prompts={query: 'q: '}",
    )  # fmt: skip
    assert seen["names"] == ["p", "q"]
    assert seen["encoder_options"] == {"dim": 256, "prompts": {"query": "q: "}}


def test_a_zero_is_given(run):
    assert run("--out", "x", "--rate", "0")[1]["rate"] == 0.0


def test_help_names_every_setting_and_default(run):
    text = run("--help")[0].output
    for words in ("--batch-size", "How many. Default: 8.", "--encoder-option", "Do it.", "--out"):
        assert words in text


def test_usage_errors_exit_with_2(run):
    assert run("--out", "x", "--batch-size", "many")[0].exit_code == 2
    assert run("--out", "x", "--no-such", "1")[0].exit_code == 2
    assert run()[0].exit_code == 2


@pytest.mark.parametrize("pair", ["dim", "=3", "dim={"])
def test_a_pair_that_is_none_is_refused(pair):
    with pytest.raises(InputError, match=r"--encoder-option: .*expected KEY=VALUE|not valid yaml"):
        key_values([pair], "--encoder-option")


def test_code_is_trusted_for_one_command_only():
    seen = []
    app = typer.Typer()

    @app.command()
    def command(trust_code: TrustCode = False) -> None:
        seen.append((trust_code, code_is_trusted()))

    for arguments in ([], ["--trust-code"], []):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert seen == [(False, False), (True, True), (False, False)]


@pytest.mark.parametrize("name", ["train", "evaluate", "mine", "index", "search", "merge"])
def test_every_command_that_loads_a_model_can_be_told_to_trust_it(name):
    said = CliRunner().invoke(cli.app, [name, "--help"], env={"COLUMNS": "200"}).stdout
    assert "--trust-code" in said


def test_a_key_given_twice_is_refused():
    with pytest.raises(InputError, match="--encoder-option: found 'dim' twice"):
        key_values(["dim=1", "dim=2"], "--encoder-option")


def test_the_device_is_said_at_every_call(monkeypatch: pytest.MonkeyPatch):
    from dipole import devices

    monkeypatch.setattr(devices, "_gpus", lambda: ("cuda", 2))
    monkeypatch.delenv(devices.VARIABLE, raising=False)
    seen = []
    app = typer.Typer()

    @app.command()
    def one(device: Device = None) -> None:
        seen.append(str(devices.device()))

    @app.command()
    def several(device: Devices = None) -> None:
        seen.append([str(found) for found in devices.devices()])

    def invoke(*arguments):
        return CliRunner().invoke(app, list(arguments), catch_exceptions=False)

    for arguments in ("one --device cuda:1", "one", "several --device cuda", "several"):
        assert invoke(*arguments.split()).exit_code == 0
    assert seen == ["cuda:1", "cuda", ["cuda:0", "cuda:1"], ["cuda"]]
    with pytest.raises(InputError, match="--device cuda:2: found no cuda:2 here; expected cpu, cu"):
        invoke("one", "--device", "cuda:2")
    with pytest.raises(InputError, match="found 2 devices, cuda:0,cuda:1; expected one"):
        invoke("one", "--device", "cuda:0,cuda:1")
    devices.use_device(None)
