"""Small parameters on a frozen transformer: LoRA, prefixes, soft prompts, bottleneck adapters."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from dipole.data.inputs import real_number, whole_number
from dipole.data.options import check_memory, check_names, check_type
from dipole.encoders.base import Features, fingerprint
from dipole.encoders.bottleneck import Bottleneck, add_bottlenecks, without
from dipole.encoders.folder import read_json, read_weights, require, write_json, write_weights
from dipole.encoders.loading import load_encoder
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError, optional

Kind = Literal["lora", "prefix", "prompt", "bottleneck"]
# Few parameters that start at nothing want larger steps than many that start well.
RATES: dict[str, float] = {"lora": 2e-4, "prefix": 5e-3, "prompt": 5e-3, "bottleneck": 1e-4}
OPTIONS: dict[str, dict[str, Any]] = {
    "lora": {"rank": 8, "alpha": 16, "dropout": 0.0, "targets": "all-linear"},
    "prefix": {"length": 16},
    "prompt": {"length": 16},
    "bottleneck": {"reduction": 16, "placement": "both"},
}
WEIGHTS, BASE = "adapter.safetensors", "base"


class AdaptedText(TransformerText):
    """A frozen `TransformerText` with a trained addition; what is saved is the addition.

        lora        W x + alpha / rank B A x at every linear map; B starts at 0. It can be `folded`
                    into the weights, and costs nothing then.
        prefix      `length` trained keys and values in front of every layer's attention; the
                    text's positions stay as they were.
        prompt      `length` trained vectors in front of the text, which are not pooled.
        bottleneck  h + U relu(D h) after the attention and after the feed-forward map of every
                    layer ("both"), or after the latter ("feed-forward"); U starts at 0.

    The folder that `save` writes names the base, a folder or a hub id, and its fingerprint; a base
    that was made and lies nowhere is saved in it as well.
    Needs the extra `adapters` (peft), save for bottlenecks.

    Sources: Hu et al. 2021, LoRA, arXiv 2106.09685; Li and Liang 2021, Prefix-Tuning, arXiv
    2101.00190, for sentences Jiang et al. 2022, PromCSE, arXiv 2203.06875; Lester et al. 2021,
    arXiv 2104.08691; Houlsby et al. 2019, arXiv 1902.00751, for domains Schopf et al. 2023,
    arXiv 2307.03104.

    Example:
        >>> base = TransformerText.load("FOLDER")  # doctest: +SKIP
        >>> encoder = AdaptedText.add(base, "FOLDER", "lora", rank=4)  # doctest: +SKIP
    """

    base: str | None
    base_fingerprint: str
    kind: Kind
    options: dict[str, Any]

    @classmethod
    def add(
        cls, base: TransformerText, source: str | Path | None, kind: Kind, **options: Any
    ) -> AdaptedText:
        """`base` with an addition that is trained; `source` is where the base is loaded from, None
        if it lies nowhere.

        The addition draws from torch's generator. `base` is used, and frozen.
        """
        if kind not in OPTIONS:
            raise InputError(f"adapter: found {kind!r}, expected one of {', '.join(OPTIONS)}")
        check_names(options, OPTIONS[kind], "adapter option", kind)
        _check_values(OPTIONS[kind] | options)
        if isinstance(base, AdaptedText):
            raise InputError(
                f"adapter: {source or 'the encoder'} has one already ({base.kind}); expected a "
                "whole model, as `dipole merge RUN --out FOLDER` makes"
            )
        mark = fingerprint(base)
        base.requires_grad_(False)
        settings = OPTIONS[kind] | options
        self = cls(
            _with_addition(base.transformer, kind, settings),
            base.tokenizer,
            head=base.head,
            **base.options_of(),
        )
        self.base = None if source is None else str(source)
        if self.base is not None and Path(self.base).exists():
            self.base = str(Path(self.base).resolve())
        self.base_fingerprint, self.kind, self.options = mark, kind, settings
        self.training_defaults = cls.training_defaults | {"learning_rate": RATES[kind]}  # type: ignore[misc]
        return self

    def addition(self) -> dict[str, Tensor]:
        """The trained tensors by name."""
        return {n: p for n, p in self.transformer.named_parameters() if p.requires_grad}

    def save(self, folder: str | Path) -> None:
        """Write the addition and the name of its base, or the base itself where it has none."""
        folder = Path(folder)
        if self.base is None:
            self.bare().save(folder / BASE)
        write_weights(folder / WEIGHTS, {n: p.detach().cpu() for n, p in self.addition().items()})
        note = {
            "encoder": "AdaptedText",
            "base": self.base,
            "base_fingerprint": self.base_fingerprint,
            "adapter": self.kind,
            "options": self.options,
        }
        write_json(folder / "config.json", note)

    @classmethod
    def load(cls, source: str | Path) -> AdaptedText:  # type: ignore[override]
        """The base, wherever it is, with the addition saved in a folder.

        Raises:
            InputError: no base there, another one than was trained on, or a broken folder.
        """
        folder = Path(source)
        note = read_json(require(folder, "config.json"))
        place = folder / BASE if note["base"] is None else note["base"]
        base = load_encoder(place)
        if not isinstance(base, TransformerText) or fingerprint(base) != note["base_fingerprint"]:
            raise InputError(
                f"{folder}: its base {place} is not the model it was trained on; expected "
                f"the fingerprint {note['base_fingerprint'][:12]}..."
            )
        self = cls.add(base, note["base"], note["adapter"], **note["options"])
        found = read_weights(require(folder, WEIGHTS))
        wanted = self.addition()
        if {n: p.shape for n, p in wanted.items()} != {n: p.shape for n, p in found.items()}:
            raise InputError(f"{folder / WEIGHTS}: its tensors are not those of its config.json")
        with torch.no_grad():
            for name, parameter in wanted.items():
                parameter.copy_(found[name])
        return self.eval()

    def folded(self) -> TransformerText:
        """A plain `TransformerText` of the same vectors: LoRA added to the weights it stands by.

        Raises:
            InputError: a prefix, a prompt or bottlenecks, which are no change of weights.
        """
        if self.kind != "lora":
            raise InputError(
                f"adapter: found {self.kind}, which is no change of weights; expected lora"
            )
        layer = optional("peft.tuners.tuners_utils", "adapters").BaseTunerLayer
        whole = copy.deepcopy(self.transformer)
        for module in whole.modules():
            if isinstance(module, layer):
                module.merge()
        return self._with(without(whole, layer, lambda module: module.get_base_layer()))

    def bare(self) -> TransformerText:
        """The base as it was, without the addition."""
        whole = copy.deepcopy(self.transformer)
        if self.kind == "bottleneck":
            return self._with(without(whole, Bottleneck, lambda module: module.base))
        if self.kind == "lora":
            layer = optional("peft.tuners.tuners_utils", "adapters").BaseTunerLayer
            return self._with(without(whole, layer, lambda module: module.get_base_layer()))
        return self._with(whole.get_base_model())

    def cut(self, layer: int) -> TransformerText:
        """As of `TransformerText`, of the folded encoder."""
        return self.folded().cut(layer)

    def settings(self) -> dict[str, Any]:
        """Those of the transformer, and the addition's."""
        return super().settings() | {"adapter": self.kind, "options": self.options}

    def _run(self, features: Features, *, hidden: bool = False, attention: bool = False) -> Any:
        """As of `TransformerText`, without the vectors and keys that stand in front of a text."""
        found = super()._run(features, hidden=hidden, attention=attention)
        if self.kind in ("lora", "bottleneck"):
            return found
        t = features["input_ids"].shape[1]
        found.last_hidden_state = found.last_hidden_state[:, -t:]
        if found.hidden_states is not None:
            found.hidden_states = tuple(states[:, -t:] for states in found.hidden_states)
        if found.attentions is not None:
            found.attentions = tuple(paid[..., -t:, -t:] for paid in found.attentions)
        return found


def _check_values(options: dict[str, Any]) -> None:
    for name, value in options.items():
        what = f"adapter option {name!r}"
        if name in ("rank", "length", "reduction"):
            check_memory(whole_number(value, what) * 1024, what)
        elif name == "alpha":
            real_number(value, what)
        elif name == "dropout" and not 0 <= real_number(value, what) < 1:
            raise InputError(f"{what}: found {value}; expected 0 up to below 1")
        elif name == "targets":
            check_type(str | list[str], value, what)
        elif name == "placement":
            check_type(str, value, what)


def _with_addition(transformer: Any, kind: Kind, options: dict[str, Any]) -> Any:
    """The transformer, all frozen but its addition."""
    if kind == "bottleneck":
        return add_bottlenecks(transformer, **options)
    peft = optional("peft", "adapters")
    with warnings.catch_warnings():  # peft asks transformers by an old name
        warnings.simplefilter("ignore", FutureWarning)
        if kind == "lora":
            config = peft.LoraConfig(
                r=options["rank"],
                lora_alpha=options["alpha"],
                lora_dropout=options["dropout"],
                target_modules=options["targets"],
            )
            try:
                return peft.inject_adapter_in_model(config, transformer)
            except ValueError as error:
                line = str(error).strip().splitlines()[0]
                raise InputError(f"adapter option 'targets': {line}") from None
        make = peft.PrefixTuningConfig if kind == "prefix" else peft.PromptTuningConfig
        config = make(task_type="FEATURE_EXTRACTION", num_virtual_tokens=options["length"])
        made = peft.get_peft_model(transformer, config)
    if kind == "prefix":
        embeddings = getattr(transformer, "embeddings", None)
        if isinstance(embeddings, nn.Module):
            embeddings.register_forward_pre_hook(_positions_stay, with_kwargs=True)
    return made


def _positions_stay(module: nn.Module, arguments: Any, named: dict[str, Any]) -> Any:
    """A prefix is no text: the first token stays the first."""
    if "past_key_values_length" in named:
        named = named | {"past_key_values_length": 0}
    return arguments, named
