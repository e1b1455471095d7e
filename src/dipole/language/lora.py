"""LoRA of a language model by peft: put in, saved as peft saves it, added to the weights."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dipole.data.inputs import real_number, whole_number
from dipole.encoders.bottleneck import without
from dipole.encoders.folder import read_weights, require, write_weights
from dipole.errors import InputError, optional

CONFIG, WEIGHTS, BASE = "adapter_config.json", "adapter_model.safetensors", "base"
_PREFIX = "base_model.model."  # of peft's names in a file


class Settings(NamedTuple):
    """rank and alpha of the addition, its dropout, and the linear maps that have one."""

    rank: int = 8
    alpha: float = 16
    dropout: float = 0.0
    targets: str | list[str] = "all-linear"


def inject(model: Any, settings: Settings) -> Any:
    """The model with the addition in it, which alone wants gradients."""
    whole_number(settings.rank, "adapter option 'rank'")
    real_number(settings.alpha, "adapter option 'alpha'")
    if not 0 <= real_number(settings.dropout, "adapter option 'dropout'") < 1:
        raise InputError(
            f"adapter option 'dropout': found {settings.dropout}; expected 0 up to below 1"
        )
    peft = optional("peft", "adapters")
    with warnings.catch_warnings():  # peft asks transformers by an old name
        warnings.simplefilter("ignore", FutureWarning)
        try:
            return peft.inject_adapter_in_model(_config(settings, None), model)
        except ValueError as error:
            line = str(error).strip().splitlines()[0]
            raise InputError(f"adapter option 'targets': {line}") from None


def write(model: Any, settings: Settings, base: str | None, folder: Path) -> None:
    """Write adapter_config.json and adapter_model.safetensors."""
    config = _config(settings, base)
    config.inference_mode = True
    config.save_pretrained(folder)
    write_weights(folder / WEIGHTS, {name: p.detach().cpu() for name, p in _own(model).items()})


def read_settings(note: dict[str, Any]) -> dict[str, Any]:
    """Settings by name of an adapter_config.json."""
    if note.get("peft_type") != "LORA":
        raise InputError(f"{CONFIG}: found {note.get('peft_type')}; expected LORA")
    targets = note["target_modules"]
    return {
        "rank": note["r"],
        "alpha": note["lora_alpha"],
        "dropout": note["lora_dropout"],
        "targets": targets if isinstance(targets, str) else sorted(targets),
    }


def read_weights_into(model: Any, folder: Path) -> None:
    """Give the addition of a model the numbers of a folder."""
    found, wanted = read_weights(require(folder, WEIGHTS)), _own(model)
    if {n: x.shape for n, x in found.items()} != {n: x.shape for n, x in wanted.items()}:
        raise InputError(f"{folder / WEIGHTS}: its tensors are not those of its {CONFIG}")
    with torch.no_grad():
        for name, parameter in wanted.items():
            parameter.copy_(found[name])


def merged(model: Any) -> Any:
    """A copy of the model with the addition in its weights."""
    whole = copy.deepcopy(model)
    layer = _layer()
    for module in whole.modules():
        if isinstance(module, layer):
            module.merge()
    return _without(whole)


def bare(model: Any) -> Any:
    """A copy of the model as it was, without the addition."""
    return _without(copy.deepcopy(model))


def _config(settings: Settings, base: str | None) -> Any:
    return optional("peft", "adapters").LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=settings.targets,
        task_type="CAUSAL_LM",
        base_model_name_or_path=base,
    )


def _own(model: Any) -> dict[str, Tensor]:
    """The trained tensors by their names in a file."""
    return {
        _PREFIX + name.replace(".default.", "."): parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def _layer() -> Any:
    return optional("peft.tuners.tuners_utils", "adapters").BaseTunerLayer


def _without(model: Any) -> Any:
    """The model with what is inside every adapted layer in its place."""
    whole = without(model, _layer(), lambda module: module.get_base_layer())
    return whole.requires_grad_(True)
