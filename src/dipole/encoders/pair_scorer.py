"""A cross-encoder: one transformer reads two texts together and says how well they fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dipole.data.inputs import batch_of, check_texts, whole_number
from dipole.encoders.batching import pack
from dipole.encoders.evaluating import evaluating
from dipole.encoders.folder import read_json, require
from dipole.encoders.hub import locate
from dipole.encoders.st_folder import MODEL_CONFIG, read_model_config, read_settings
from dipole.encoders.text_limits import padding
from dipole.encoders.transformers_io import check_code, quiet, read_tokenizer
from dipole.errors import InputError, optional

_SUFFIX = "ForSequenceClassification"
_NOT_A_SETTING = {"_name_or_path", "dtype", "torch_dtype", "transformers_version"}
_NOT_A_SETTING |= {"encoder", "sentence_transformers"}


class PairScorer:
    """A Hugging Face model for sequence classification as a judge of pairs, higher is better.

        score(a, b) = logit            of a model with one output
                    = logit_1 - logit_0    of one with two

    Example:
        >>> scorer = PairScorer.load("FOLDER")  # doctest: +SKIP
        >>> scorer.score(["open a file"], ["reads a file from the disk"])  # doctest: +SKIP
    """

    def __init__(self, model: Any, tokenizer: Any, max_length: int | None = None) -> None:
        outputs = int(model.config.num_labels)
        if outputs > 2:
            raise InputError(f"pair scorer: found {outputs} outputs, expected one or two")
        self.model = model.eval()
        self.tokenizer = tokenizer
        positions = getattr(model.config, "max_position_embeddings", None) or 512
        wanted = positions if max_length is None else whole_number(max_length, "max_length")
        self.max_length = min(wanted, positions, tokenizer.model_max_length)
        self._tokens = _own_tokenizer(tokenizer, self.max_length)

    @classmethod
    def load(cls, source: str | Path, *, max_length: int | None = None) -> PairScorer:
        """From a folder or a hub id."""
        folder = locate(source)
        model, report = _read(folder)
        if report["missing_keys"]:
            raise InputError(
                f"{folder}: the weights lack {sorted(report['missing_keys'])[0]}; expected a model "
                "for sequence classification"
            )
        if unused := sorted(report["unexpected_keys"]):
            raise InputError(
                f"{folder}: {len(unused)} tensors of the file are not part of a "
                f"{type(model).__name__}, {unused[0]} for one"
            )
        _keep_activation(folder, model.config)
        return cls(model, read_tokenizer(folder), max_length)

    @classmethod
    def over(cls, source: str | Path, *, max_length: int | None = None) -> PairScorer:
        """Of a transformer with a new head of one output, drawn by torch's generator."""
        place = read_settings(locate(source)).transformer
        model, report = _read(place, num_labels=1)
        inner = f"{model.base_model_prefix}."
        for what, names in (("lack", "missing_keys"), ("have beside it", "unexpected_keys")):
            found = sorted(n for n in report[names] if n.startswith(inner) and "pooler" not in n)
            if found:
                raise InputError(
                    f"{place}: the weights {what} {found[0]} of a {type(model).__name__}; expected "
                    "a transformer as its config.json says"
                )
        tokenizer = read_tokenizer(place)
        if model.config.pad_token_id is None:  # of a decoder, which looks for the last token
            model.config.pad_token_id = padding(tokenizer)
        return cls(model, tokenizer, max_length)

    def score(
        self, first: Sequence[str], second: Sequence[str], *, token_budget: int = 4096
    ) -> np.ndarray:
        """One number per pair, (n,) float32; pairs of similar length are read together."""
        first, second = batch_of(first, "score: first"), batch_of(second, "score: second")
        check_texts(first, "score: first")
        check_texts(second, "score: second")
        if len(first) != len(second):
            raise InputError(f"score: found {len(first)} and {len(second)} texts, expected as many")
        found = np.empty(len(first), dtype=np.float32)
        lengths = np.array([len(a) + len(b) for a, b in zip(first, second, strict=True)]) // 4 + 3
        order = np.argsort(-lengths, kind="stable")
        device = next(self.model.parameters()).device
        model = evaluating(self.model)  # someone else may be training it
        with torch.inference_mode():
            for part in pack(lengths[order], token_budget):
                rows = order[part]
                both = [(first[int(i)], second[int(i)]) for i in rows]
                tokens = {name: x.to(device) for name, x in self._tokenise(both).items()}
                logits = model(**tokens).logits.float()
                one = logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]
                found[rows] = one.cpu().numpy()
        return found

    def to(self, device: str) -> PairScorer:
        """On a device."""
        self.model.to(device)
        return self

    def _tokenise(self, both: Sequence[tuple[str, str]]) -> dict[str, Tensor]:
        """What the model takes of pairs of texts, padded to the longest."""
        rows = self._tokens.encode_batch(both)
        found = {"input_ids": [row.ids for row in rows]}
        found["attention_mask"] = [row.attention_mask for row in rows]
        found["token_type_ids"] = [row.type_ids for row in rows]
        names = self.tokenizer.model_input_names
        return {name: torch.tensor(ids) for name, ids in found.items() if name in names}

    def settings(self) -> dict[str, Any]:
        """What beside the weights decides the scores; part of the fingerprint."""
        config = self.model.config.to_diff_dict()
        known = {k: v for k, v in config.items() if k not in _NOT_A_SETTING}
        return {"scorer": "PairScorer", "transformer": known, "max_length": self.max_length}

    def weights(self) -> dict[str, Tensor]:
        """All tensors."""
        return dict(self.model.state_dict())


def _own_tokenizer(tokenizer: Any, max_length: int) -> Any:
    """A copy of the fast tokenizer that pads and cuts: one that is told so at every call has a
    state that threads share."""
    from tokenizers import Tokenizer

    own = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    own.enable_padding(
        direction=tokenizer.padding_side,
        pad_id=tokenizer.pad_token_id or 0,
        pad_type_id=tokenizer.pad_token_type_id,
        pad_token=tokenizer.pad_token or "[PAD]",
    )
    own.enable_truncation(max_length, strategy="longest_first", direction=tokenizer.truncation_side)
    return own


def _read(folder: Path, **options: Any) -> tuple[Any, Any]:
    """A model for sequence classification, and transformers' report of its weights."""
    own_code = check_code(folder)
    require(folder, "model.safetensors", "model.safetensors.index.json")
    auto = optional("transformers", "text").AutoModelForSequenceClassification
    with quiet():
        try:
            found: tuple[Any, Any] = auto.from_pretrained(
                folder,
                dtype=torch.float32,
                local_files_only=True,
                trust_remote_code=own_code,
                use_safetensors=True,
                output_loading_info=True,
                **options,
            )
        except Exception as error:  # a config may be wrong in any way
            line = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InputError(f"{folder}: not a pair scorer ({line})") from None
    return found


def _keep_activation(folder: Path, config: Any) -> None:
    """What sentence-transformers puts on the logits of a folder, kept in the model's own config,
    where it looks too: what is saved gives the same there. A prompt before the texts is refused."""
    said = read_model_config(folder / MODEL_CONFIG)
    if said.get("prompts", {}).get(said.get("default_prompt_name")):
        raise InputError(
            f"{folder / MODEL_CONFIG}: a prompt is put before the first text, which no "
            "cross-encoder here does; expected a folder without it"
        )
    own = getattr(config, "sentence_transformers", None) or {}
    if said.get("activation_fn") and "activation_fn" not in own:
        config.sentence_transformers = own | {"activation_fn": said["activation_fn"]}


def is_pair_scorer(source: str | Path) -> bool:
    """Whether a folder holds a model for sequence classification."""
    path = locate(source) / "config.json"
    config = read_json(path) if path.is_file() else {}
    names = config.get("architectures") or [] if isinstance(config, dict) else []
    return any(str(name).endswith(_SUFFIX) for name in names)
