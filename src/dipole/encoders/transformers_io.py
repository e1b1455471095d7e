"""A transformer and its tokenizer from a folder, with one-line errors and without noise."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from dipole.encoders.folder import check_weights, read_json, require
from dipole.encoders.trust import code_is_trusted
from dipole.errors import InputError, note, optional
from dipole.showing import short

# One of these is what a tokenizer is made of.
_TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
)


# Sizes that a config may not get wrong, whatever its architecture calls them.
_SIZES = ("num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size")
# Buffers that older versions saved and that are computed: nothing is lost without them.
_COMPUTED = ("position_ids", "inv_freq")


def read_transformer(
    folder: Path,
    *,
    whole: bool = False,
    head: Literal["causal", "masked"] | None = None,
    beside: Collection[str] = (),
) -> Any:
    """The transformer of a folder in float32 and eval mode; every weight must be in the file.

    A pooler (which no pooling here uses) is kept frozen if saved, and left out if not, so that
    nothing in the model is ever random or trained for nothing.

    Args:
        whole: the folder was saved as this model, so that a tensor without a place in it is an
            error; else (a language model with its head) a note counts them.
        head: with its head, of a causal or of a masked language model.
        beside: tensors of the file that are somebody else's, who reads them.

    Raises:
        InputError: a file missing or broken, weights that do not fit the config, a size in it that
            is none, code of the folder's own that is not trusted.
    """
    model, report = load_pretrained(folder, lambda t, c: _auto_class(t, c, head), _check_sizes)
    missing = sorted(k for k in report["missing_keys"] if not k.startswith("pooler."))
    if missing:
        raise InputError(
            f"{folder}: the weights lack {len(missing)} tensors of a {type(model).__name__}, "
            f"{missing[0]} for one"
        )
    unexpected = set(report["unexpected_keys"]) - set(beside)
    _check_unused(model, unexpected, report["missing_keys"], folder, whole)
    if getattr(model, "pooler", None) is not None:
        if report["missing_keys"]:
            model.pooler = None
        else:
            model.pooler.requires_grad_(False)
    return model.eval()


def load_pretrained(
    folder: Path,
    class_of: Callable[[Any, Any], Any],
    check: Callable[[Any, Path], None] = lambda config, path: None,
) -> tuple[Any, dict[str, Any]]:
    """The model of a folder in float32, and transformers' report of its weights, none of which has
    another shape than the config says.

    Args:
        class_of: of transformers and a config, the class that reads the folder.
        check: raises InputError at a config (and its path) that is wrong.
    """
    transformers = optional("transformers", "text")
    torch = optional("torch", "text")
    require(folder, "config.json")
    require(folder, "model.safetensors", "model.safetensors.index.json")
    for path in sorted(folder.glob("*.safetensors")):
        check_weights(path)
    own_code = check_code(folder)
    with quiet():
        try:
            config = transformers.AutoConfig.from_pretrained(
                folder, local_files_only=True, trust_remote_code=own_code
            )
            check(config, folder / "config.json")
            model, report = class_of(transformers, config).from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                local_files_only=True,
                trust_remote_code=own_code,
                use_safetensors=True,
                ignore_mismatched_sizes=True,  # reported, and refused below
                output_loading_info=True,
            )
        except InputError:
            raise
        except Exception as error:  # a config may be wrong in any way: checks, divisions, shapes
            raise InputError(f"{folder}: not a transformer ({first_line(error)})") from None
    for name, found, expected in sorted(report["mismatched_keys"]):
        raise InputError(
            f"{folder}: {name} is {tuple(found)}; expected {tuple(expected)} by config.json"
        )
    return model, report


def check_code(folder: Path) -> bool:
    """Whether to run Python code of the folder's own: only if it is trusted and there is some.

    Without trust, a model that transformers has too is read by transformers, and a note says so.
    """
    config = read_json(folder / "config.json")
    if not isinstance(config, dict):
        raise InputError(f"{folder / 'config.json'}: found {short(config)}; expected a config")
    own = config.get("auto_map")
    if not own or code_is_trusted():
        return bool(own)
    named = ", ".join(sorted({str(code) for code in own.values()} if isinstance(own, dict) else []))
    mapping = optional("transformers.models.auto.configuration_auto", "text").CONFIG_MAPPING
    if config.get("model_type") not in mapping:
        raise InputError(
            f"{folder}: a model whose own Python code must run ({named}); expected --trust-code "
            "(load_encoder(..., trust_code=True)), if you trust whoever wrote it"
        )
    kind = config["model_type"]
    note(f"{folder}: its own Python code ({named}) is not run; transformers' {kind} reads it")
    return False


def _check_sizes(config: Any, path: Path) -> None:
    for name in _SIZES:
        found = getattr(config, name, None)
        if found is None and name != "hidden_size":
            continue
        if isinstance(found, bool) or not isinstance(found, int) or found < 1:
            raise InputError(f"{path}: {name} is {short(found)}; expected a whole number from 1 up")


def _check_unused(model: Any, names: Any, missing: Any, folder: Path, whole: bool) -> None:
    """Tensors of the file that the model has no place for: an error, or one line that counts them.

    A layer more than the config has is always an error: the config is wrong.
    """
    prefix = f"{getattr(model, 'base_model_prefix', '')}."
    unused = sorted(name.removeprefix(prefix) for name in names if not name.endswith(_COMPUTED))
    if not whole:  # a model of this kind saves its pooler, and no pooling here uses it
        saved = set(model.state_dict()) - {name.removeprefix(prefix) for name in missing}
        unused = sorted([*unused, *(name for name in saved if name.startswith("pooler."))])
    if not unused:
        return
    places = {_numberless(name.removeprefix(prefix)) for name in model.state_dict()}
    beyond = [n for n in unused if _numberless(n) in places and not n.startswith("pooler.")]
    if whole or beyond:
        raise InputError(
            f"{folder}: {len(unused)} tensors of the file are not part of a {type(model).__name__} "
            f"by config.json, {(beyond or unused)[0]} for one"
        )
    groups = sorted({name.partition(".")[0] for name in unused})
    note(f"{folder}: {len(unused)} tensors of the file are not used ({', '.join(groups)})")


def _numberless(name: str) -> str:
    return ".".join("#" if part.isdigit() else part for part in name.split("."))


def _auto_class(transformers: Any, config: Any, head: str | None) -> Any:
    """AutoModel, or for T5 and its like the encoder alone; with the head of a language model."""
    if head is not None:
        names = {"causal": "AutoModelForCausalLM", "masked": "AutoModelForMaskedLM"}
        return getattr(transformers, names[head])
    if type(config) in transformers.MODEL_FOR_TEXT_ENCODING_MAPPING:
        return transformers.AutoModelForTextEncoding
    return transformers.AutoModel


def read_tokenizer(folder: Path, *, lower_case: bool = False) -> Any:
    """The fast tokenizer of a folder."""
    transformers = optional("transformers", "text")
    require(folder, *_TOKENIZER_FILES)
    with quiet():
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=code_is_trusted()
            )
        except Exception as error:  # broken files raise bare Exceptions in the Rust library
            raise InputError(f"{folder}: not a tokenizer ({first_line(error)})") from None
    if not tokenizer.is_fast:
        raise InputError(f"{folder}: {type(tokenizer).__name__}; expected a tokenizer.json")
    if lower_case:
        from tokenizers import normalizers

        inner = tokenizer.backend_tokenizer.normalizer
        steps = [normalizers.Lowercase(), *([inner] if inner is not None else [])]
        tokenizer.backend_tokenizer.normalizer = normalizers.Sequence(steps)
    return tokenizer


def cut_transformer(transformer: Any, layer: int) -> Any:
    """A copy of a transformer with its first layers only; the tensors are shared."""
    import copy

    from torch import nn

    config = transformer.config
    if not 1 <= layer <= config.num_hidden_layers:
        raise InputError(f"layer: found {layer}, expected 1 to {config.num_hidden_layers}")
    shared = {id(p): p for p in (*transformer.parameters(), *transformer.buffers())}
    made = copy.deepcopy(transformer, dict(shared))
    stacks = [
        (parent, name)
        for parent in made.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.ModuleList) and len(child) == config.num_hidden_layers
    ]
    if len(stacks) != 1:
        raise InputError(
            f"{type(transformer).__name__}: found {len(stacks)} stacks of "
            f"{config.num_hidden_layers} layers; expected one to cut"
        )
    parent, name = stacks[0]
    setattr(parent, name, getattr(parent, name)[:layer])
    made.config.num_hidden_layers = layer
    for key, value in made.config.to_dict().items():  # one word per layer, as layer_types
        if isinstance(value, list) and len(value) == config.num_hidden_layers:
            setattr(made.config, key, value[:layer])
    return made


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and load reports of transformers: what they warn of is checked here."""
    log = optional("transformers.utils.logging", "text")
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()


def first_line(error: Exception) -> str:
    """The first line of another library's message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
