"""`dipole push`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dipole.cli.card import model_card
from dipole.cli.options import TrustCode
from dipole.cli.outputs import check_new_folder
from dipole.cli.trained import load_named
from dipole.errors import InputError, RunError, optional
from dipole.showing import say

if TYPE_CHECKING:
    from dipole.encoders import Encoder


def push(
    run: Annotated[str, typer.Argument(help="Run or model folder.")],
    to: Annotated[str, typer.Option(help="Id of the model on the Hugging Face hub, owner/name.")],
    dry_run: Annotated[
        Path | None,
        typer.Option(help="Write the folder here, to look at; nothing leaves this machine."),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Make a new model visible to its owners alone.")
    ] = False,
    trust_code: TrustCode = False,
) -> None:
    """Publish a model on the Hugging Face hub, with a model card written from the run.

    The card shows reports of measures that lie in the run: dipole evaluate runs/first --data
    test.csv --json > runs/first/test.json

    Example: dipole push runs/first --to owner/first --dry-run folder
    """
    hub, utils = optional("huggingface_hub", "text"), optional("huggingface_hub.utils", "text")
    try:
        utils.validate_repo_id(to)
    except utils.HFValidationError as error:
        raise InputError(f"--to {to}: {str(error).splitlines()[0]}") from None
    if not Path(run).is_dir():
        raise InputError(f"{run}: no such folder; expected a run or a model folder")
    if dry_run is not None:
        _dry(run, to, dry_run)
        return
    owner = _owner(hub)
    from dipole.files import scratch

    encoder = load_named(run, ())
    with scratch(Path(run)) as folder:
        write_model(run, encoder, to, folder)
        try:
            made = hub.HfApi().create_repo(to, private=private, exist_ok=True)
            hub.HfApi().upload_folder(
                repo_id=made.repo_id, folder_path=str(folder), commit_message="dipole push"
            )
        except Exception as error:  # of the hub, the network, a proxy: no common base
            raise RunError(
                f"{to}: not published ({_line(error)}); signed in as {owner}; it can be repeated"
            ) from None
    say(f"published {made.repo_id}: {made}")


def write_model(run: str, encoder: Encoder, name: str, folder: Path) -> None:
    """Write what goes to the hub: a model that dipole loads, and sentence-transformers where it
    can, with its card."""
    from dipole.encoders.own import save_encoder
    from dipole.encoders.st_export import can_export, export_sentence_transformers

    theirs, brings_code = can_export(encoder), False
    if theirs:
        brings_code = export_sentence_transformers(encoder, folder)
    else:
        save_encoder(encoder, folder)
    card = model_card(run, encoder, name, theirs=theirs, brings_code=brings_code)
    (folder / "README.md").write_text(card, encoding="utf-8", newline="\n")


def _dry(run: str, to: str, out: Path) -> None:
    from dipole.training.run.checkpoints import write_folder

    check_new_folder("--dry-run", out)
    encoder = load_named(run, ())
    write_folder(out, lambda folder: write_model(run, encoder, to, folder))
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file()) / 1e6
    say(f"wrote {out}, {size:.1f} MB: what would be published as {to}; read {out / 'README.md'}")


def _owner(hub: Any) -> str:
    """Who publishes; one line where there is no hub or no token."""
    from dipole.data.hub import unreachable

    offline = optional("huggingface_hub.constants", "text").HF_HUB_OFFLINE
    if offline or (reason := unreachable(False)) is not None:
        reason = "HF_HUB_OFFLINE is set" if offline else reason
        raise RunError(f"the Hugging Face hub cannot be reached ({reason}); expected a network, or "
                       "--dry-run FOLDER")  # fmt: skip
    if hub.get_token() is None:
        raise InputError("no token of the Hugging Face hub; expected hf auth login, HF_TOKEN, or "
                         "--dry-run FOLDER")  # fmt: skip
    try:
        return str(hub.HfApi().whoami()["name"])
    except Exception as error:
        raise RunError(f"the Hugging Face hub does not know who this is ({_line(error)}); expected "
                       "hf auth login again, or --dry-run FOLDER") from None  # fmt: skip


def _line(error: Exception) -> str:
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return f"{type(error).__name__}: {text}"
