"""Modules of sentence-transformers between pooling and the vector: Dense, LayerNorm, Normalize."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from dipole.data.inputs import whole_number
from dipole.encoders.folder import contents, read_json, read_weights, write_json, write_weights
from dipole.errors import InputError
from dipole.showing import short

# What they call a vector on its way; a module that reads or writes anything else is not for us.
_VECTOR = "sentence_embedding"
_DENSE = ("in_features", "out_features", "bias", "activation_function", "use_residual")


class Dense(nn.Module):
    """z = activation(W x + b), plus x (or R x where the sizes differ) with `use_residual`.

    Shapes: (n, in_features) -> (n, out_features). Names of the tensors are theirs.
    """

    kind = "Dense"

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        activation_function: nn.Module | None = None,
        use_residual: bool = False,
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, out_features, bias=bias)
        self.activation_function = activation_function or nn.Tanh()
        self.residual: nn.Module | None = None
        if use_residual and in_features != out_features:
            self.residual = nn.Linear(in_features, out_features, bias=False)
        self.use_residual = use_residual

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.activation_function(self.linear(x))
        if self.use_residual:
            out = out + (x if self.residual is None else self.residual(x))
        return out

    def settings(self) -> dict[str, Any]:
        """Its config.json."""
        activation = type(self.activation_function)
        made = {
            "in_features": self.linear.in_features,
            "out_features": self.linear.out_features,
            "bias": self.linear.bias is not None,
            "activation_function": f"{activation.__module__}.{activation.__qualname__}",
        }
        return made | ({"use_residual": True} if self.use_residual else {})


class LayerNorm(nn.Module):
    """z = a (x - mean) / deviation + b over the numbers of a vector."""

    kind = "LayerNorm"

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dimension)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(x)
        return out

    def settings(self) -> dict[str, Any]:
        """Its config.json."""
        return {"dimension": self.norm.normalized_shape[0]}


class Normalize(nn.Module):
    """z = x / |x|, before other modules; the last one is `normalize` of the encoder."""

    kind = "Normalize"

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(x, dim=-1)

    def settings(self) -> dict[str, Any]:
        """Its config.json."""
        return {}


def read_module(kind: str, folder: Path, place: str = _VECTOR) -> nn.Module:
    """The module of a folder in eval mode, with exactly the weights it has; place: what it reads
    and writes.

    Raises:
        InputError: a kind or a setting of it that is not one of the above, by its name.
    """
    if kind == "Normalize":
        return Normalize()
    path = folder / "config.json"
    config = read_json(path)
    if not isinstance(config, dict):
        raise InputError(f"{path}: found {short(config)}; expected the settings of {kind}")
    module = _dense(config, path, place) if kind == "Dense" else _layer_norm(config, path)
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise InputError(f"{folder}: no model.safetensors; the folder holds {contents(folder)}")
    found = read_weights(weights)
    own = module.state_dict()
    for name in sorted(own.keys() | found.keys()):
        has = tuple(found[name].shape) if name in found else "nothing"
        wants = tuple(own[name].shape) if name in own else "nothing"
        if has != wants:
            raise InputError(f"{weights}: {name} is {has}; expected {wants} by config.json")
    module.load_state_dict({name: tensor.float() for name, tensor in found.items()})
    return module.eval()


def write_module(module: nn.Module, folder: Path) -> None:
    """Write the folder that `read_module` and sentence-transformers read."""
    settings: dict[str, Any] = module.settings()  # type: ignore[operator]
    write_json(folder / "config.json", settings)
    if weights := dict(module.state_dict()):
        write_weights(folder / "model.safetensors", weights)


def check_chain(modules: Sequence[nn.Module], dim: int) -> int:
    """The size of the vectors that leave a chain of modules, whose sizes must fit."""
    for module in modules:
        if isinstance(module, Dense):
            takes, gives = module.linear.in_features, module.linear.out_features
        elif isinstance(module, LayerNorm):
            takes = gives = module.norm.normalized_shape[0]
        else:
            continue
        if takes != dim:
            raise InputError(f"{module.kind}: takes vectors of {takes}; found {dim} before it")
        dim = gives
    return dim


def _dense(config: dict[str, Any], path: Path, place: str) -> Dense:
    places = {config.get("module_input_name") or place, config.get("module_output_name")}
    if places - {place, None}:
        named = ", ".join(sorted(str(name) for name in places - {place, None}))
        raise InputError(f"{path}: Dense of {named}; expected {place}")
    known = (*_DENSE, "module_input_name", "module_output_name")
    if unknown := [name for name in config if name not in known]:
        raise InputError(f"{path}: {unknown[0]} is no setting of Dense known here; expected "
                         f"{', '.join(known)}")  # fmt: skip
    for name in ("bias", "use_residual"):
        if not isinstance(config.get(name, True), bool):
            raise InputError(f"{path}: {name} is {short(config[name])}; expected true or false")
    return Dense(
        whole_number(config.get("in_features"), f"{path}: in_features"),
        whole_number(config.get("out_features"), f"{path}: out_features"),
        config.get("bias", True),
        _activation(config.get("activation_function", "torch.nn.Tanh"), path),
        config.get("use_residual", False),
    )


def _layer_norm(config: dict[str, Any], path: Path) -> LayerNorm:
    return LayerNorm(whole_number(config.get("dimension"), f"{path}: dimension"))


def _activation(name: Any, path: Path) -> nn.Module:
    """A module of torch.nn without arguments; nothing else is imported."""
    module, _, last = str(name).rpartition(".")
    kind = getattr(nn, last, None) if f"{module}.".startswith("torch.nn.") else None
    if isinstance(kind, type) and issubclass(kind, nn.Module):
        try:
            return kind()
        except TypeError:  # it needs arguments, so it is no activation
            pass
    raise InputError(f"{path}: activation_function is {short(name)}; expected one of torch.nn")
