"""A masked language model that reads prompts of several templates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dipole.encoders.base import Features, Role
from dipole.encoders.folder import read_json, write_json
from dipole.encoders.hub import locate
from dipole.encoders.masked_text import MASK, MaskedText
from dipole.errors import InputError


class PromptedText(MaskedText):
    """A `MaskedText` with a template, and with others where a text brings its own: one that has a
    "[MASK]" is read as it is, and the state of its first [MASK] is its vector.

    So views may put a text into other templates, with demonstrations behind it, while a plain text
    stands in the encoder's. A prompt is cut at the model's positions, from its end.

    Made by `--encoder prompted --encoder-option model=FOLDER --encoder-option
    template='[X] It is about [MASK].'`, a folder of a masked language model.

    Example:
        >>> encoder = PromptedText.from_inputs(  # doctest: +SKIP
        ...     model="FOLDER", template="[X] It is about [MASK].")
        >>> encoder.encode(["open a file", "Of [MASK]: open a file"]).shape  # doctest: +SKIP
        (2, 768)
    """

    @classmethod
    def from_inputs(  # type: ignore[override]
        cls,
        *inputs: Any,
        model: str,
        template: str = "[X] It is about [MASK].",
        max_length: int | None = None,
        normalize: bool | None = None,
    ) -> PromptedText:
        """Over the masked language model of a folder, a run or a hub id; `max_length` tokens of a
        text in the template at most."""
        folder = locate(model)
        given: dict[str, Any] = {"max_length": max_length, "normalize": normalize}
        note = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
        if note.get("encoder") == "PromptedText":
            found: Any = cls.load(folder, template=template, **given)
        else:
            found = super().from_inputs(model=model, template=template, **given)
        assert isinstance(found, PromptedText)
        return found

    def _tokenise(self, inputs: Sequence[str], role: Role) -> list[tuple[list[int], list[int]]]:
        plain = [number for number, text in enumerate(inputs) if MASK not in text]
        rows = dict(zip(plain, super()._tokenise([inputs[i] for i in plain], role), strict=True))
        for number in sorted(set(range(len(inputs))) - set(plain)):
            row = self._whole.encode(inputs[number].replace(MASK, self.tokenizer.mask_token))
            if self.tokenizer.mask_token_id not in row.ids:
                raise InputError(
                    f"encode: the prompt {inputs[number][:40]!r}... has its {MASK} beyond the "
                    f"model's {len(row.ids):,} tokens; expected a shorter text in front of it"
                )
            rows[number] = row.ids, row.type_ids if self._segments else []
        return [rows[number] for number in range(len(inputs))]

    def _run(self, features: Features, **asked: Any) -> Any:
        found = super()._run(features, **asked)
        is_mask = features["input_ids"] == self.tokenizer.mask_token_id
        found.mask_places = is_mask.int().argmax(1)
        return found

    def _vectors(self, found: Any, mask: Tensor) -> Tensor:
        states = self._joined(self._read(found))
        rows = torch.arange(len(states), device=states.device)
        return states[rows, found.mask_places].float()

    def save(self, folder: str | Path) -> None:
        """Write the folder of a `MaskedText`, with the name of this class."""
        super().save(folder)
        path = Path(folder) / "config.json"
        write_json(path, read_json(path) | {"encoder": "PromptedText"})

    def settings(self) -> dict[str, Any]:
        """Those of a `MaskedText`."""
        return super().settings() | {"encoder": "PromptedText"}
