"""Command-line options made from the fields of a settings model: one place for names and help."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Collection
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel, create_model
from pydantic.fields import FieldInfo

from dipole.errors import InputError
from dipole.training.formats import FORMER, LAYERS, MORE_DATA


def with_options(model: type[BaseModel]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command one option per field of `model`; those given arrive in `settings`.

    An option that is not given is not in `settings`, so a recipe file's value stands.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True).parameters
        fixed = [p for p in own.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        fields = {n: f for n, f in model.model_fields.items() if not _is_nested(f.annotation)}
        made = [_option(name, field) for name, field in fields.items()]
        # Those of before: said in one line by `make_config`.
        former = [*FORMER, MORE_DATA, LAYERS] if "parts" in fields else []
        made += [_former(name) for name in former]

        def run(**arguments: Any) -> None:
            settings = {
                name: arguments.pop(name) for name in fields if arguments[name] not in (None, [])
            }
            rest = {n: v for n, v in arguments.items() if n not in fields}
            old = {name: rest.pop(name) for name in former}
            settings |= {name: _value(name, texts) for name, texts in old.items() if texts}
            for name, field in fields.items():
                if name in settings and _plain(field.annotation) is dict:
                    settings[name] = key_values(settings[name], _flag(name, field))
            command(**rest, **settings)

        parameters = sorted(fixed + made, key=lambda p: p.default is not inspect.Parameter.empty)
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        return run

    return decorate


def without(model: type[BaseModel], names: Collection[str]) -> type[BaseModel]:
    """A settings model with none of these fields, as a command shares it that has its own."""
    fields = {n: (f.annotation, f) for n, f in model.model_fields.items() if n not in names}
    found: type[BaseModel] = create_model("Shared", **fields)  # type: ignore[call-overload]
    return found


def _trust(trusted: bool) -> bool:
    from dipole.encoders.trust import trust_code

    trust_code(trusted)  # said at every call, so that nothing stays trusted
    return trusted


# An option that acts by itself; the commands that load models only name it.
TrustCode = Annotated[
    bool,
    typer.Option("--trust-code", callback=_trust, help="Run Python code that comes with a model."),
]


def _device(names: str | None) -> str | None:
    from dipole.devices import device, use_device

    use_device(names)
    if names is not None:  # a mistake is said before any work
        device()
    return names


def _devices(names: str | None) -> str | None:
    from dipole.devices import devices, use_device

    use_device(names)
    if names is not None:
        devices()
    return names


# Options that act by themselves, too.
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        callback=_device,
        help="Device to compute on: cpu, cuda, cuda:1, mps.",
        show_default="DIPOLE_DEVICE, else the GPU if there is one",
    ),
]
Devices = Annotated[
    str | None,
    typer.Option(
        "--device",
        callback=_devices,
        help="Device to compute on: cpu, cuda:1, several (cuda:0,cuda:1), or cuda (all GPUs).",
        show_default="DIPOLE_DEVICE, else one GPU if there is one",
    ),
]


def key_values(pairs: list[str], option: str) -> dict[str, Any]:
    """`["dim=256", "heads=[1, 2]"]` as a dict; the values are yaml."""
    import yaml

    from dipole.training.yaml_loading import load_yaml

    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise InputError(f"{option}: {pair!r}; expected KEY=VALUE")
        if key in found:
            raise InputError(f"{option}: found {key!r} twice; expected every key once")
        try:
            found[key] = load_yaml(value)
        except yaml.YAMLError:
            raise InputError(f"{option}: {pair!r}; the value is not valid yaml") from None
    return found


def _option(name: str, field: FieldInfo) -> inspect.Parameter:
    kind = _plain(field.annotation)
    default = field.get_default(call_default_factory=True)
    is_shown = default not in (None, [], {}) and default is not False
    has_default = is_shown and not field.is_required() and "default" not in _extra(field)
    option = typer.Option(
        _flag(name, field),
        help=f"{field.description} Default: {default}." if has_default else field.description,
        show_default=False,
        metavar="KEY=VALUE" if kind is dict else _extra(field).get("metavar"),
    )
    annotation: Any = list[str] if kind is dict else kind
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[annotation | None, option],
    )


def _former(name: str) -> inspect.Parameter:
    """An option of before, which nobody is shown."""
    option = typer.Option("--" + name.replace("_", "-"), hidden=True)
    kind = inspect.Parameter.KEYWORD_ONLY
    type_: Any = bool if name == LAYERS else list[str]
    return inspect.Parameter(name, kind, default=None, annotation=Annotated[type_ | None, option])


def _value(name: str, texts: Any) -> Any:
    from dipole.training.yaml_loading import load_yaml

    if name in (MORE_DATA, LAYERS):
        return texts
    return key_values(texts, "--mixed") if name == "mixed" else load_yaml(texts[-1])


def _flag(name: str, field: FieldInfo) -> str:
    if "option" in _extra(field):
        return _extra(field)["option"]
    if _plain(field.annotation) is dict:
        name = name.removesuffix("s")
    return "--" + name.replace("_", "-")


def _extra(field: FieldInfo) -> dict[str, str]:
    """What a field says of its option itself."""
    extra = field.json_schema_extra
    return {name: str(value) for name, value in extra.items()} if isinstance(extra, dict) else {}


def _is_nested(annotation: Any) -> bool:
    """Whether a field has no place on a command line: a list of settings, for a recipe file."""
    return get_origin(annotation) is list and get_origin(get_args(annotation)[0]) is dict


def _plain(annotation: Any) -> Any:
    """The type an option parses: without None, and a Literal as text that pydantic checks."""
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(a for a in get_args(annotation) if a is not type(None))
    origin = get_origin(annotation)
    if origin is Literal:
        return str
    if origin is list:
        return list[str]
    return dict if origin is dict else annotation
