"""A causal language model as an encoder: log-probabilities of answers, hidden states, vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.data.inputs import check_texts
from dipole.data.options import check_names
from dipole.data.preferences import Answers
from dipole.encoders.base import Encoder, Features, Role
from dipole.encoders.folder import read_json, write_json
from dipole.encoders.hub import locate
from dipole.encoders.own import CLASS, CONFIG
from dipole.encoders.precision import Precision
from dipole.encoders.text_limits import longest
from dipole.encoders.transformers_io import quiet, read_tokenizer
from dipole.errors import InputError
from dipole.language import lora
from dipole.language.loading import last_states, read_causal
from dipole.language.notes import notes_on
from dipole.language.picking import picked
from dipole.language.templates import Tokens, tokens_of

if TYPE_CHECKING:
    from dipole.data import Examples

# What a config says that does not change a log-probability.
_NOT_A_SETTING = {"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version"}
_NOT_A_SETTING |= {"use_cache", CLASS}


class CausalLM(Encoder):
    """A causal language model of transformers, whole or with a LoRA that is trained.

    Of answers it gives `log_probs`, a log-probability per token; of texts, as any encoder, vectors
    (the mean of the last states, of length 1). The logits of the vocabulary are made for a piece
    of the batch at a time, and of the answers alone (`language.picking`). Dropout is off.

    It is saved as transformers saves it, so `AutoModelForCausalLM.from_pretrained` reads the
    folder; with a LoRA as peft does, an adapter beside the name of its base.

    Example:
        >>> model = CausalLM.load("FOLDER")  # doctest: +SKIP
        >>> features = model.prepare([Answers("2 + 2 =", [" 4", " 5"])])  # doctest: +SKIP
        >>> model.log_probs(features).shape  # answers, tokens of the longest  # doctest: +SKIP
        torch.Size([2, 2])
    """

    dtype: Precision = "auto"
    reads: ClassVar[str] = "texts"
    shows = ("tokens", "mask", "hidden", "logps", "foreseen")
    training_defaults: ClassVar[dict[str, Any]] = Encoder.training_defaults | {
        "batch_size": 8,
        "learning_rate": 1e-6,
        "precision": "auto",
    }

    # What stands before the answer in a text; then its tokens alone are foreseen.
    answer_after: str = ""

    def __init__(self, model: Any, tokenizer: Any, *, max_length: int | None = None) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer
        self.max_length = longest(model, tokenizer, max_length)
        self.dim = int(model.config.hidden_size)
        self.lora: lora.Settings | None = None
        self._pad = next(
            (i for i in (tokenizer.pad_token_id, tokenizer.eos_token_id) if i is not None), 0
        )

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        max_length: int | None = None,
        answer_after: str = "",
    ) -> CausalLM:
        """A model from a folder, a run or a hub id: a whole one, or an adapter with its base.

        max_length: the most tokens of a prompt with an answer; not given: what the model reads.
        answer_after: what stands before the answer in every text of a training, as '### Answer:':
            what is before it is read as a prompt, and only the answer is learnt (`next-token`); not
            given: all of it.

        Raises:
            InputError: a file missing or broken; no causal language model; no LoRA.
        """
        folder = locate(source)
        if (folder / lora.CONFIG).is_file():
            model = cls._with_adapter(folder, max_length)
        else:
            model = cls(read_causal(folder), read_tokenizer(folder), max_length=max_length)
            # A place that holds from elsewhere too; a hub id as it is.
            model.source = str(folder.resolve()) if Path(source).exists() else str(source)
        model.answer_after = answer_after
        return model.eval()

    # Where it was loaded from: what an adapter names as its base.
    source: str | None = None

    @classmethod
    def _with_adapter(cls, folder: Path, max_length: int | None) -> CausalLM:
        note = read_json(folder / lora.CONFIG)
        inner = folder / lora.BASE
        base = cls.load(inner if inner.is_dir() else note["base_model_name_or_path"])
        base.tokenizer = read_tokenizer(folder)
        base.max_length = longest(base.model, base.tokenizer, max_length)
        base.add_lora(base.source, **lora.read_settings(note))
        lora.read_weights_into(base.model, folder)
        return base.eval()

    def adapted(self, kind: str, source: str | None, options: dict[str, Any]) -> CausalLM:
        """This model with a LoRA that is trained, the rest of it frozen."""
        if kind != "lora":
            raise InputError(f"adapter: found {kind} for a language model; expected lora")
        check_names(options, lora.Settings._fields, "adapter option", kind)
        return self.add_lora(source, **options)

    def add_lora(
        self,
        source: str | None,
        *,
        rank: int = 8,
        alpha: float = 16,
        dropout: float = 0.0,
        targets: str | list[str] = "all-linear",
    ) -> CausalLM:
        """Put W x + alpha / rank B A x at every linear map of `targets`; B starts at 0."""
        if self.lora is not None:
            raise InputError(
                "adapter: found a model with a LoRA; expected a whole one, as "
                "`dipole merge RUN --out FOLDER` makes"
            )
        self.lora = lora.Settings(rank, alpha, dropout, targets)
        self.source = self.source or source
        self.model.requires_grad_(False)
        self.model = lora.inject(self.model, self.lora)
        self.training_defaults = self.training_defaults | {"learning_rate": 1e-5}  # type: ignore[misc]
        return self

    @property
    def kind(self) -> str:
        """What is trained of it."""
        return "whole" if self.lora is None else "lora"

    def folded(self) -> CausalLM:
        """A whole model of the same log-probabilities: the LoRA added to the weights."""
        if self.lora is None:
            return self
        whole = CausalLM(lora.merged(self.model), self.tokenizer)
        whole.max_length = self.max_length
        return whole.eval()

    def save(self, folder: str | Path) -> None:
        """Write a folder that transformers (and, of a LoRA, peft) reads, and `load`."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with quiet():
            if self.lora is None:
                self.model.save_pretrained(folder)
            else:
                if self.source is None:
                    lora.bare(self.model).save_pretrained(folder / lora.BASE)
                    self.tokenizer.save_pretrained(folder / lora.BASE)
                lora.write(self.model, self.lora, self.source, folder)
            self.tokenizer.model_max_length = self.max_length
            self.tokenizer.save_pretrained(folder)
        path = folder / CONFIG
        if self.lora is not None:  # with one, transformers takes the folder for a whole model
            path.unlink(missing_ok=True)
            return
        own = f"{type(self).__module__}:{type(self).__qualname__}"
        write_json(path, read_json(path) | {CLASS: own})

    def settings(self) -> dict[str, Any]:
        """The model's config, the tokenizer's hash, the longest input and the LoRA."""
        config = self.model.config.to_diff_dict()
        own = f"{self.tokenizer.backend_tokenizer.to_str()}\n{self.tokenizer.chat_template}"
        return {
            "encoder": "CausalLM",
            "model": {k: v for k, v in config.items() if k not in _NOT_A_SETTING},
            "tokenizer": hashlib.sha256(own.encode()).hexdigest(),
            "max_length": self.max_length,
            "lora": None if self.lora is None else self.lora._asdict(),
        }

    @classmethod
    def can_read(cls, value: Any) -> bool:
        """Whether an input is a text."""
        return isinstance(value, str)

    def check(self, inputs: Sequence[Any], role: Role) -> None:
        """Inputs must be texts."""
        check_texts(inputs, "encode: inputs")

    def default_budget(self) -> int:
        """Padded tokens in one batch of `encode`."""
        return 1024 * torch.get_num_threads() if self.device.type == "cpu" else 32768

    def prepare(self, inputs: Sequence[Any], role: Role = "document") -> Features:
        """Token ids, padded on the right; of `Answers` a row for each answer behind its prompt,
        with `targets` (rows, t), the tokens of the answer; so of texts with `answer_after`."""
        if inputs and isinstance(inputs[0], Answers):
            read = [self.tokens(one) for one in inputs]
            return self._padded(
                [(one.prompt + answer, len(answer)) for one in read for answer in one.answers]
            )
        check_texts(inputs, "prepare: inputs")
        features = self._padded([self._row(text) for text in inputs])
        if not self.answer_after:
            features.pop("targets")
        return features

    def _row(self, text: str) -> tuple[list[int], int]:
        """The tokens of a text, and how many at its end are an answer."""
        if (one := self.split(text)) is not None:
            prompt, (answer,), *_ = self.tokens(one)
            return prompt + answer, len(answer)
        return self.ids(text)[: self.max_length] or [self._pad], 0

    def split(self, text: str) -> Answers | None:
        """A text as a prompt and its answer, of one that has `answer_after`."""
        if not self.answer_after or self.answer_after not in text:
            return None
        before, mark, answer = text.partition(self.answer_after)
        return Answers(before + mark, [answer])

    def ids(self, text: str) -> list[int]:
        """All tokens of a text."""
        # Not verbose: of a long text it would say that the model cannot read it, and it is cut.
        found: list[int] = self.tokenizer(text, verbose=False)["input_ids"]
        return found

    def tokens(self, one: Answers) -> Tokens:
        """The tokens of a prompt and its answers (`language.templates.tokens_of`)."""
        try:
            return tokens_of(self.tokenizer, one, self.max_length)
        except InputError as error:
            raise InputError(f"{self.source or 'encoder'}: {error}") from None

    def notes_on(self, examples: Examples) -> list[str]:
        """Which prompts or texts are cut, and how answers end, a line each; every row is looked at.

        Raises InputError at the first row that cannot be read, by its id.
        """
        return notes_on(self, examples)

    def log_probs(self, features: Features) -> Tensor:
        """log pi(token | all before it) of the tokens of every answer, (rows, t) float32, 0 behind
        its end; t: the most tokens of an answer."""
        found = picked(*self.answer_states(features), self.vocabulary)
        there = self.answer_mask(features)
        out = found.new_zeros(there.shape)
        out[there] = found
        return out

    def answer_states(self, features: Features) -> tuple[Tensor, nn.Module, Tensor]:
        """What the log-probabilities of answers are made of, of all their tokens one after the
        other: the states before them (tokens, dim), the head that makes logits of states, and the
        tokens (tokens,)."""
        ids, targets = features["input_ids"], features["targets"]
        states = last_states(self.model, ids, features["attention_mask"])
        return self._before(states, ids, targets)

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return int(self.model.config.vocab_size)

    @staticmethod
    def answer_mask(features: Features) -> Tensor:
        """Which tokens of `log_probs` there are, (rows, t)."""
        lengths = features["targets"].sum(1)
        most = int(lengths.max())
        return torch.arange(most, device=lengths.device) < lengths[:, None]

    def forward(self, features: Features) -> Tensor:
        """The mean of the last states of each text, of length 1, (n, dim)."""
        states, mask = self._states(features), features["attention_mask"][:, :, None]
        return F.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)

    def outputs(self, features: Features, names: Sequence[str]) -> dict[str, Tensor]:
        """Vectors, and of the same pass the last states of tokens, those of every layer, and the
        log-probabilities of tokens."""
        ids, mask = features["input_ids"], features["attention_mask"]
        found = self.model.base_model(
            input_ids=ids,
            attention_mask=mask,
            use_cache=False,
            output_hidden_states="hidden" in names,
        )
        states = found.last_hidden_state.float()
        mean = (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        shown = {"vectors": F.normalize(mean, dim=-1), "tokens": states, "mask": mask.bool()}
        if "hidden" in names:
            shown["hidden"] = torch.stack(found.hidden_states, 1)
        if {"logps", "foreseen"} & {*names}:
            which = features.get("targets", mask).bool().index_fill(1, mask.new_zeros(1), False)
            logps = picked(*self._before(found.last_hidden_state, ids, which), self.vocabulary)
            shown |= {"logps": logps.new_zeros(ids.shape), "foreseen": which}
            shown["logps"][which] = logps
        return shown

    def _before(
        self, states: Tensor, ids: Tensor, which: Tensor
    ) -> tuple[Tensor, nn.Module, Tensor]:
        """`answer_states` of these tokens (n, t), but for the first of a row."""
        own = which[:, 1:]  # the state of a token predicts the next one
        return states[:, :-1][own], self.model.get_output_embeddings(), ids[:, 1:][own]

    def _states(self, features: Features) -> Tensor:
        return last_states(self.model, features["input_ids"], features["attention_mask"]).float()

    def _padded(self, rows: Sequence[tuple[list[int], int]]) -> Features:
        """Token ids, and how many at the end of each row are targets."""
        most = max((len(ids) for ids, _ in rows), default=0)
        ids = torch.full((len(rows), most), self._pad)
        mask, targets = torch.zeros_like(ids), torch.zeros(ids.shape, dtype=torch.bool)
        for i, (row, count) in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
            mask[i, : len(row)] = 1
            targets[i, len(row) - count : len(row)] = True
        return {"input_ids": ids, "attention_mask": mask, "targets": targets}
