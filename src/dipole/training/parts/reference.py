"""The reference of a policy: log-probabilities of all answers, made once before the first step."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from dipole.data.preferences import Preferences
from dipole.devices import device
from dipole.encoders.base import Encoder, fingerprint
from dipole.errors import InputError
from dipole.language.stored import Stored, entry_of, make_entry, read_entry
from dipole.training.batches import padded
from dipole.training.parts.base import Part, Setup
from dipole.training.parts.log_probs import GIVEN, of_tokens
from dipole.training.run.processes import together

_GIVEN = tuple(f"ref_{name}" for name in GIVEN)


class Reference(Part):
    """`ref_logps`, `ref_mean_logps` and `ref_token_logps`, as `LogProbs` gives the policy's.

    The reference is the model as the training begins, or another one: `model`, a folder or hub id.
    It reads every answer once, before the first step; its numbers are kept in the cache folder
    under its fingerprint and the content of the data, so that another run with the same model and
    data, or one that goes on, starts at once. In training it costs nothing.
    """

    takes = ("rows", "answer_mask")
    gives = _GIVEN
    binds_last = True

    model: str | None = None

    @classmethod
    def follows(cls, inputs: Mapping[str, bool], there: Collection[str]) -> bool:
        return any(name in inputs for name in _GIVEN) and not any(name in there for name in _GIVEN)

    def bind(self, setup: Setup) -> None:
        if not isinstance(setup.examples, Preferences):
            raise InputError(
                f"reference: found {type(setup.examples).__name__}; expected preferences"
            )
        model = setup.encoder if self.model is None else _loaded(self.model)
        model.to(device())
        self._model, self._mark = [model], fingerprint(model)
        self._shows = setup.show_progress
        self._stored = self.log_probs(setup.examples)

    def log_probs(self, examples: Preferences) -> Stored:
        """Those of any preferences, while the model is what it was: before the first step."""
        (model,) = self._model
        entry = entry_of(model, examples, self._mark)
        together(lambda: make_entry(entry, model, examples, show_progress=self._shows))
        return read_entry(entry, examples)

    def made_of(self) -> tuple[str, str]:
        return self.model or "reference", self._mark

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        mask = batch["answer_mask"]
        tokens, lengths = self._stored.of_rows(batch["rows"].cpu().numpy())
        tokens, lengths = (padded(x.to(mask.device), mask) for x in (tokens, lengths))
        found = of_tokens(tokens, lengths)
        return batch | {f"ref_{name}": x for name, x in found.items()}


class Mismatched(Part):
    """`mismatched_logps` and `ref_mismatched_logps` (n, 1): of each prompt with the first answer of
    the next row that has another prompt, by which an objective sees how far the policy has moved.

    Which answer that is depends on the data alone, so the reference's are made once, too. The
    policy reads one answer more a prompt at every step, without gradient.
    """

    takes = ("rows", "ref_logps")
    gives = ("mismatched_logps", "ref_mismatched_logps")
    binds_last = True

    @classmethod
    def follows(cls, inputs: Mapping[str, bool], there: Collection[str]) -> bool:
        return "mismatched_logps" in inputs and "ref_logps" in inputs and cls.gives[0] not in there

    def bind(self, setup: Setup) -> None:
        reference = setup.find(Reference)
        if reference is None or not isinstance(setup.examples, Preferences):
            raise InputError("mismatched: found no reference; expected the part reference")
        self._encoder = [setup.encoder]
        self._examples = mismatched(setup.examples)
        stored = reference.log_probs(self._examples)
        self._reference = torch.from_numpy(stored.sums()).float()

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        (encoder,) = self._encoder
        rows, device = batch["rows"].cpu(), batch["rows"].device
        features = encoder.prepare(self._examples.read(rows.tolist()))
        forward: Any = encoder.log_probs
        with torch.no_grad():
            found = forward({name: x.to(device) for name, x in features.items()}).sum(1)
        names = {"mismatched_logps": found, "ref_mismatched_logps": self._reference[rows]}
        return batch | {name: x[:, None].to(device) for name, x in names.items()}


def mismatched(examples: Preferences) -> Preferences:
    """Every prompt with the first answer of the next row of another prompt, if there is one."""
    prompts, answers = list(examples.column("prompt")), list(examples.column("answers"))
    n = len(prompts)
    following = [(i + 1) % n for i in range(n)]
    following[-1] = next((i for i in range(n) if prompts[i] != prompts[-1]), 0)
    for i in reversed(range(n - 1)):  # the last first: a run of one prompt is passed in one go
        if prompts[following[i]] == prompts[i]:
            following[i] = following[i + 1]
    columns = {
        "prompt": prompts,
        "answers": [[answers[i][0]] for i in following],
        "ratings": [[0.0]] * n,
    }
    return type(examples).from_columns(columns, origin=f"mismatched answers of {examples.origin}")


def _loaded(model: str) -> Encoder:
    from dipole.encoders import load_encoder

    found = load_encoder(model if ":" in model else f"lm:{model}")
    if not hasattr(found, "log_probs"):
        raise InputError(
            f"reference: found {type(found).__name__} at {model}; expected a language model"
        )
    return found
