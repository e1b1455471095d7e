"""A text tower that keeps the head of its masked language model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.encoders.base import Encoder, Role
from dipole.encoders.folder import read_json, read_weights, require, write_json, write_weights
from dipole.encoders.heads import make_head
from dipole.encoders.hub import locate
from dipole.encoders.st_folder import read_settings
from dipole.encoders.text_limits import cutting, longest
from dipole.encoders.transformer_text import TransformerText
from dipole.encoders.transformers_io import read_tokenizer, read_transformer
from dipole.errors import InputError

# In its folder: the transformer as `TransformerText` saves it, and the head.
BASE, HEAD = "transformer", "word_head.safetensors"
# Where a template has the text, and the token whose state is the text's vector.
TEXT, MASK = "[X]", "[MASK]"


class WordHead(nn.Module):
    """What stands between a token's state and the words: logits = norm(gelu(W x + b)) E^T + c.

    E: the word vectors of the transformer, which are not this module's ("tied"). The head of BERT,
    RoBERTa, MPNet and DistilBERT.

    Shapes: tokens (..., d), E (v, d) -> (..., v), float32.
    """

    def __init__(self, dim: int, words: int, eps: float = 1e-12) -> None:
        super().__init__()
        self.dense = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim, eps=eps)
        self.bias = nn.Parameter(torch.zeros(words))

    def forward(self, tokens: Tensor, words: Tensor) -> Tensor:
        states = self.norm(F.gelu(self.dense(tokens)))
        return (states @ words.T).float() + self.bias

    @classmethod
    def new(cls, transformer: Any, seed: int = 0) -> WordHead:
        """A head that has learnt nothing yet."""
        rows, dim = transformer.get_input_embeddings().weight.shape
        eps = getattr(transformer.config, "layer_norm_eps", 1e-12)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(dim, rows, eps)

    @classmethod
    def of(cls, model: Any, folder: Path) -> WordHead:
        """The head of a masked language model of transformers."""
        head = cls.new(model.base_model)
        (rows, dim), act = model.get_input_embeddings().weight.shape, _activation(model.config)
        inner = {id(p) for p in model.base_model.parameters()}
        found = {n: p for n, p in model.named_parameters() if id(p) not in inner}
        places: dict[str, list[Tensor]] = {}
        for name, weight in found.items():
            kind = "norm" if "norm" in name.lower() else "dense"
            if weight.shape == (rows,) and name.endswith("bias"):
                kind, ending = "bias", ""
            else:
                ending = "." + name.rpartition(".")[2]
            places.setdefault(kind + ending, []).append(weight)
        own = head.state_dict()
        fits = places.keys() == own.keys() and all(
            len(given) == 1 and given[0].shape == own[name].shape for name, given in places.items()
        )
        if not fits or act != "gelu" or dim != model.config.hidden_size:
            raise InputError(
                f"{folder}: found the head of a {type(model).__name__}; expected one like BERT's: "
                "a dense layer, gelu and a normalisation before the model's own word vectors"
            )
        head.load_state_dict({name: given[0].detach() for name, given in places.items()})
        return head


class MaskedText(TransformerText):
    """A `TransformerText` with the head of its masked language model, `word_head`: for trainings
    that hide words, or rebuild a text, beside learning its vector.

    The head is trained with the tower and saved with it. `template`, as '"[X]" means [MASK].',
    stands around every text, and the state of its [MASK] is the vector (PromptBERT, DenoSent).

    Made by `--encoder masked --encoder-option model=FOLDER`, a folder of a masked language model
    with a head like BERT's, or what was saved of one.

    Example:
        >>> encoder = MaskedText.from_inputs(model="FOLDER")  # doctest: +SKIP
        >>> encoder.logits(encoder.prepare(["open a [MASK]"])).shape  # doctest: +SKIP
        (1, 5, 30522)
    """

    word_head: WordHead
    template: str | None = None

    @classmethod
    def from_inputs(
        cls,
        *inputs: Any,
        model: str,
        template: str | None = None,
        pooling: str | None = None,
        max_length: int | None = None,
        normalize: bool | None = None,
        head: int | dict[str, Any] | None = None,
    ) -> MaskedText:
        """Over the masked language model of a folder, a run or a hub id; `head` as of any encoder;
        None means: as saved."""
        folder = locate(model)
        given: dict[str, Any] = {
            "pooling": pooling, "max_length": max_length, "normalize": normalize,
        }  # fmt: skip
        note = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
        if note.get("encoder") == "MaskedText":
            self = cls.load(folder, template=template, **given)
        else:
            saved = read_settings(folder)
            whole = read_transformer(saved.transformer, whole=saved.whole, head="masked")
            given = {name: x for name, x in given.items() if x is not None}
            options = {
                "pooling": saved.pooling, "prompts": saved.prompts, "max_length": saved.max_length,
                "normalize": saved.normalize, "after": saved.after,
                "truncate_dim": saved.truncate_dim,
            }  # fmt: skip
            tokenizer = read_tokenizer(saved.transformer, lower_case=saved.lower_case)
            base = TransformerText(whole.base_model, tokenizer, **options | given)
            self = cls.over(base, WordHead.of(whole, folder), template)
        self.head = None if head is None else make_head(self.backbone_dim, head)
        return self

    @classmethod
    def over(
        cls, base: TransformerText, word_head: WordHead | None = None, template: str | None = None
    ) -> MaskedText:
        """Over a tower, whose weights it shares; without a head with a new one."""
        if base.tokenizer.mask_token_id is None:
            raise InputError("encoder: found a tokenizer without a mask; expected one of a masked "
                             "language model")  # fmt: skip
        self = cls(base.transformer, base.tokenizer, **base.options_of())
        self.other_prompts, self.default_prompt = base.other_prompts, base.default_prompt
        self.word_head = WordHead.new(base.transformer) if word_head is None else word_head
        if template is not None:
            self._set_template(template)
        return self

    def _set_template(self, template: str) -> None:
        if template.count(TEXT) != 1 or template.count(MASK) != 1:
            raise InputError(
                f"encoder option 'template': found {template!r}; expected one {TEXT} for the text "
                f"and one {MASK}, as '\"[X]\" means [MASK].'"
            )
        if len(self.after) or self.truncate_dim is not None:
            raise InputError("encoder: found modules behind the pooling; expected none for a "
                             "template")  # fmt: skip
        self.template = template
        most = longest(self.transformer, self.tokenizer, None)
        self._whole = cutting(self.tokenizer, most)
        frame = self._whole.encode(self._filled("")).ids
        special = self.tokenizer.num_special_tokens_to_add(pair=False)
        ids = self._whole.encode(self._filled("a")).ids
        place = ids.index(self.tokenizer.mask_token_id)
        # Counted from the side on which the text does not stand: from the end it is below 0.
        self._place = place - len(ids) * (template.index(TEXT) < template.index(MASK))
        self.max_length = min(self.max_length, most - len(frame) + special)
        if self.max_length <= special:
            raise InputError("encoder option 'template': longer than the model's positions")
        self._tokens = cutting(self.tokenizer, self.max_length)
        self.pooled_dim = int(self.transformer.config.hidden_size)
        self.dim = self.backbone_dim = self.pooled_dim

    def _filled(self, text: str) -> str:
        assert self.template is not None
        framed = self.template.replace(MASK, self.tokenizer.mask_token)
        return framed.replace(TEXT, text)

    def _tokenise(self, inputs: Sequence[str], role: Role) -> list[tuple[list[int], list[int]]]:
        if self.template is None:
            return super()._tokenise(inputs, role)
        texts = [self.prompts[role] + text for text in inputs]
        cut = [
            text[: max((end for _, end in row.offsets), default=0)]
            for text, row in zip(texts, self._tokens.encode_batch(texts), strict=True)
        ]
        rows = self._whole.encode_batch_fast([self._filled(text) for text in cut])
        return [(row.ids, row.type_ids if self._segments else []) for row in rows]

    def _vectors(self, found: Any, mask: Tensor) -> Tensor:
        if self.template is None:
            return super()._vectors(found, mask)
        states = self._joined(self._read(found))
        rows = torch.arange(len(states), device=states.device)
        return states[rows, self._place + mask.sum(1) * (self._place < 0)].float()

    def logits(self, features: dict[str, Tensor]) -> Tensor:
        """What the model says of the word at every place, (n, t, v)."""
        return self.words_of(self._run(features).last_hidden_state)

    def words_of(self, states: Tensor) -> Tensor:
        """Logits of words of the last states of tokens, (..., d) -> (..., v)."""
        logits: Tensor = self.word_head(states, self.transformer.get_input_embeddings().weight)
        return logits

    def save(self, folder: str | Path) -> None:
        """Write the transformer's folder, and beside it the head and the template."""
        folder, options = Path(folder), self.options_of()
        if self.template is not None:  # which needs places beside the text's own
            options["max_length"] = longest(self.transformer, self.tokenizer, None)
        base = TransformerText(self.transformer, self.tokenizer, **options)
        base.other_prompts, base.default_prompt = self.other_prompts, self.default_prompt
        base.save(folder / BASE)
        write_weights(folder / HEAD, self.word_head.state_dict())
        note = {"encoder": "MaskedText", "template": self.template, "max_length": self.max_length}
        write_json(folder / "config.json", note)

    @classmethod
    def load(  # type: ignore[override]
        cls, source: str | Path, *, template: str | None = None, **options: Any
    ) -> MaskedText:
        """What `save` wrote; with another template or other options of `TransformerText.load`."""
        source = Path(source)
        note = read_json(require(source, "config.json"))
        options = {"max_length": note["max_length"]} | {
            name: x for name, x in options.items() if x is not None
        }
        base = TransformerText.load(source / BASE, **options)
        self = cls.over(base, None, note["template"] if template is None else template)
        try:
            self.word_head.load_state_dict(read_weights(require(source, HEAD)))
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:160]
            raise InputError(f"{source / HEAD}: not the head of this model ({reason})") from None
        return self.eval()

    def settings(self) -> dict[str, Any]:
        """Those of the transformer, and the template."""
        return super().settings() | {"encoder": "MaskedText", "template": self.template}

    def weights(self) -> dict[str, Tensor]:
        """Those of the transformer and of the head of words; not the other head's."""
        head = {f"word_head.{name}": x for name, x in self.word_head.state_dict().items()}
        return super().weights() | head

    def shallow_layers(self) -> int:
        """None with a template: its token is read in the last layer."""
        return 0 if self.template is not None else super().shallow_layers()

    def _with(self, transformer: Any) -> TransformerText:
        if self.template is not None:
            raise InputError("encoder: found a template; expected none for a cut tower")
        return super()._with(transformer)

    def adapted(self, kind: Any, source: str | None, options: dict[str, Any]) -> TransformerText:
        """Refused: what an adapter leaves frozen could not learn words."""
        return cast(TransformerText, Encoder.adapted(self, kind, source, options))


def _activation(config: Any) -> str:
    """Of the head: it is the transformer's own."""
    return str(getattr(config, "hidden_act", getattr(config, "activation", "")))
