"""What every tower is: inputs -> features (on the CPU) -> vectors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data.inputs import batch_of
from dipole.encoders.batching import pack
from dipole.encoders.own import arguments_of, read_encoder, write_encoder
from dipole.encoders.precision import Precision
from dipole.encoders.reading import check_reads
from dipole.encoders.transforming import Transforming
from dipole.encoders.workers import encode_with
from dipole.errors import InputError
from dipole.tables import Shown, Table

if TYPE_CHECKING:
    from dipole.data import Examples

# "query" or "document"; of named towers also a column or a tower.
Role = str
SIDES: tuple[Role, Role] = ("query", "document")
# What an encoder may give beside its vectors: tokens (n, t, d), which of them are there (n, t),
# the tokens of every layer (n, layers + 1, t, d), what they attend to (n, layers, heads, t, t); and
# of a language model the log-probability of each token given those before it (n, t), and of which
# tokens that is, 0 and False at the first, at padding and in a prompt.
STATES = ("tokens", "mask", "hidden", "attention")
OUTPUTS = (*STATES, "logps", "foreseen")
Features = dict[str, Tensor]


class Encoder(Shown, Transforming, nn.Module):
    """A tower: an encoder with its head, for one modality.

    `prepare` turns raw inputs into tensors (tokenises; no gradient, no weights), `forward` turns
    these into one vector per input. Training calls the two itself; everybody else calls `encode`.
    A subclass writes `prepare` and `forward`. It is saved as the arguments of its constructor
    (attributes of the same names) and its weights; one that is more than these writes `settings`,
    `weights`, or `save` and a classmethod `load(folder)`. One that is made of the inputs that are
    trained on (a vocabulary, their size) writes `from_inputs`.
    """

    dim: int
    # What `encode` may be asked for.
    roles: tuple[Role, ...] = SIDES
    # The `OUTPUTS` that `outputs` gives.
    shows: tuple[str, ...] = ()
    # Of an encoder with `shallow_layers`: in training mode the vectors of this layer follow the
    # last one's, (n, 2 dim), in `forward` and in `outputs`.
    shallow: int | None = None
    # Precision of `encode`; a subclass whose time goes into matrix products sets "auto".
    dtype: Precision = "float32"
    # What it reads, in words; not given: nothing is known.
    reads: ClassVar[str] = ""
    # Whether it reads two inputs together: it has no vectors, but `score(first, second)`.
    reads_pairs: ClassVar[bool] = False
    # Whether it is made of columns, each by its name (`from_columns`), not of two sides.
    by_column: ClassVar[bool] = False
    # What a training of this encoder uses where nothing was asked for.
    training_defaults: ClassVar[dict[str, Any]] = {
        "batch_size": 64,
        "epochs": 1.0,
        "learning_rate": 2e-5,
        "schedule": "linear",
        "precision": "fp32",
    }

    @classmethod
    def from_inputs(cls, *inputs: Any, **options: Any) -> Encoder:
        """A new encoder for these inputs; here they are not looked at: `cls(**options)`.

        A subclass writes `from_inputs(cls, queries, documents, *, KEY=DEFAULT, ...)`: the inputs of
        both sides, one sequence twice where there is but one, and what `--encoder-option` gives.
        """
        return cls(**options)

    @classmethod
    def from_columns(
        cls,
        columns: Mapping[str, Sequence[Any]],
        options: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> Encoder:
        """Of one that is made `by_column`: a new encoder for columns of inputs by their role or
        name; `names` are of the columns that roles are read from, options are not checked yet."""
        raise NotImplementedError

    @classmethod
    def beside(cls, dim: int | None) -> dict[str, Any]:
        """The options with which it is made as one of several towers, where none are given, `dim`
        the size of another one (None: no matter which)."""
        return {}

    @classmethod
    def can_read(cls, value: Any) -> bool:
        """Whether an input is of the kind that `reads` says; asked of texts and arrays alone."""
        return True

    def prepare(self, inputs: Sequence[Any], role: Role = "document") -> Features:
        """Tensors of a batch of inputs; everything `forward` needs."""
        raise NotImplementedError

    def keyed(self, features: Features, keys: Tensor) -> Features:
        """Features of a training step with a number for every input, (n,) int64, that their
        random numbers are to be a function of: by default none, and torch's generator draws."""
        return features

    def forward(self, features: Features) -> Tensor:
        """One L2-normalised vector per input, (n, dim)."""
        raise NotImplementedError

    def pairs(
        self, columns: Mapping[str, list[Features]], tensors: Mapping[str, Tensor]
    ) -> list[Features]:
        """Of one that reads two inputs together: features of every anchor of a batch joined with
        each of its candidates, or its partner, in pieces; `forward` gives their logits, (n, 1)."""
        raise NotImplementedError

    def outputs(self, features: Features, names: Sequence[str]) -> dict[str, Tensor]:
        """`vectors` as `forward` gives them, and those of `OUTPUTS` that are named, of one pass."""
        raise NotImplementedError

    def shallow_layers(self) -> int:
        """How many layers below the last one can be shown by `shallow`, 1 ... so many."""
        return 0

    def notes_on(self, examples: Examples) -> list[str]:
        """What a training of this encoder on these examples leaves out, a line each; raises
        InputError where it cannot read them. Asked once, before the first step."""
        return []

    def adapted(self, kind: str, source: str | None, options: dict[str, Any]) -> Encoder:
        """This encoder, frozen, with an addition of a kind that is trained (`adapters.Kind`);
        source: where it was loaded from, if anywhere."""
        raise InputError(
            f"adapter: found {type(self).__name__}, expected a transformer to put it on "
            "(--encoder FOLDER)"
        )

    def check(self, inputs: Sequence[Any], role: Role) -> None:
        """Raise InputError at the first input this encoder cannot take; here nothing is known."""

    def checked(self, inputs: Any, role: Role) -> Sequence[Any]:
        """The inputs of `encode` as a sequence; InputError if they or the role are wrong."""
        if role not in self.roles:
            raise InputError(
                f"encode: role is {role!r}; expected {' or '.join(map(repr, self.roles))}"
            )
        inputs = batch_of(inputs, "encode: inputs")
        check_reads(self.side(role), inputs)
        self.check(inputs, role)
        return inputs

    def side(self, role: Role) -> Encoder:
        """The tower that encodes inputs of a role; here the encoder itself."""
        return self

    def settings(self) -> dict[str, Any]:
        """What beside the weights decides the vectors, as json; part of the fingerprint.

        Here the arguments of the constructor, from the attributes of their names.
        """
        return arguments_of(self)

    def weights(self) -> dict[str, Tensor]:
        """The tensors that `save` keeps; a head used only in training is not among them."""
        return dict(self.state_dict())

    def save(self, folder: str | Path) -> None:
        """Write `config.json` (settings, class) and `model.safetensors`, for `load_encoder`."""
        write_encoder(self, folder)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The encoder that `save` wrote, made by the constructor.

        Raises:
            InputError: a file missing or broken; weights that do not fit the settings.
        """
        found: Self = read_encoder(cls, folder)
        return found

    def lengths(self, inputs: Sequence[Any]) -> np.ndarray:
        """A cheap estimate of each input's cost, (n,) int64: a quarter of a text's characters."""
        estimate = (len(x) // 4 + 1 if hasattr(x, "__len__") else 1 for x in inputs)
        return np.fromiter(estimate, dtype=np.int64, count=len(inputs))

    def default_budget(self) -> int:
        """Padded tokens (whatever `lengths` counts) in one batch of `encode`."""
        return 32768

    def batches(
        self, inputs: Sequence[Any], role: Role, token_budget: int
    ) -> Iterator[tuple[np.ndarray, Features]]:
        """(indices, features) of batches of similar length, the longest first.

        Longest first: a batch that does not fit in memory says so in the first second.
        """
        lengths = np.asarray(self.lengths(inputs))
        order = np.argsort(-lengths, kind="stable")
        for part in pack(lengths[order], token_budget):
            indices = order[part]
            yield indices, self.prepare([inputs[int(i)] for i in indices], role)

    def encode(
        self,
        inputs: Sequence[Any],
        role: Role = "document",
        *,
        show_progress: bool = False,
        token_budget: int | None = None,
        dtype: Precision | None = None,
    ) -> np.ndarray:
        """Vectors of any number of inputs in their order, float32, (n, dim).

        Batches hold inputs of similar length and at most `token_budget` padded tokens. Only the
        result and a few batches are held beside `inputs`: any sequence, a column of pandas, polars
        or Arrow (read by position, whatever its index), an iterator. In "float32" a vector does not
        depend on its batch beyond 1e-5; "auto" computes in bfloat16 where the device does so
        faster. Nothing is switched for the call, neither here (`training` stays as it is, and is
        not asked) nor in torch: threads may encode, and one may train, at the same time.

        Raises:
            InputError: `inputs` is one text, a dict, a set or a table; one of them is not what the
                encoder reads (None, bytes, half of a surrogate pair), by its position; a role that
                is neither "query" nor "document". All is checked before anything is encoded.

        Example:
            >>> encoder.encode(["how to open a file"], role="query").shape
            (1, 384)
        """
        inputs = self.checked(inputs, role)
        return encode_with(
            [self],
            inputs,
            role,
            show_progress=show_progress,
            token_budget=token_budget,
            dtype=dtype,
        )

    def _table(self) -> Table:
        weights = self.weights().values()
        count, size = sum(x.numel() for x in weights), sum(x.nbytes for x in weights)
        trained = sum(p.numel() for p in self.parameters() if p.requires_grad)
        rows = [("vectors", f"{self.dim:,} numbers")] if not self.reads_pairs else []
        rows += [("reads", self.reads)] if self.reads else []
        rows += [("roles", ", ".join(self.roles))]
        rows += [("weights", f"{count:,} ({size / 1e6:,.1f} MB), {trained:,} trainable")]
        return Table(type(self).__name__, [*rows, ("device", str(self.device))])

    @property
    def device(self) -> torch.device:
        """Where the weights are (and so where features are sent)."""
        return next((p.device for p in self.parameters()), torch.device("cpu"))


def name_of(encoder: Any) -> str:
    """An encoder in a few words."""
    dim = f", vectors of {encoder.dim:,} numbers" if getattr(encoder, "dim", None) else ""
    return f"{type(encoder).__name__}{dim}"


def fingerprint(encoder: Encoder) -> str:
    """The sha256 of an encoder's settings and weights, as 64 hexadecimal digits.

    Two encoders with one fingerprint give the same vectors, so it tells an index whether it was
    made by this model. It survives `save` and `load_encoder`; precision of `encode`, device and a
    training head do not enter.
    """
    digest = hashlib.sha256(json.dumps(encoder.settings(), sort_keys=True).encode())
    for name, tensor in sorted(encoder.weights().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()
