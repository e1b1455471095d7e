"""An image tower on any pretrained image model of transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data.inputs import whole_number
from dipole.encoders.base import Encoder, Features, Role
from dipole.encoders.folder import read_json, require, write_json
from dipole.encoders.heads import make_head
from dipole.encoders.hub import locate
from dipole.encoders.image import ImageEncoder, checked_image
from dipole.encoders.precision import Precision
from dipole.encoders.preprocessing import Preprocessing
from dipole.encoders.st_modules import Dense, read_module, write_module
from dipole.encoders.transformers_io import load_pretrained, quiet
from dipole.errors import InputError

Pooling = Literal["pooler", "cls", "mean"]
# In the folder of a saved one.
BACKBONE, PROJECTION = "backbone", "projection"
_NOT_A_SETTING = {"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version"}
_NOT_A_SETTING |= {"id2label", "label2id", "problem_type"}


class PretrainedImage(ImageEncoder):
    """A pretrained image model: v = norm(projection(pool(model((x - mean) / std)))).

    x is the image as `preprocessor_config.json` of its folder resizes and crops it, so images of
    any sizes are taken, grey ones too. `pooling` is "pooler" (the model's own: the attention of
    SigLIP, the mean of a ResNet), "cls" (the first token) or "mean" (of all places). By default it
    is the model's own, but "cls" where that is the tanh layer of a ViT, which few checkpoints have
    trained. The `projection` is CLIP's, into the space of its texts.

    Batch normalisation keeps its running statistics in training, too: a vector never depends on
    its batch. Weights that no vector depends on are frozen.

    Made by `--encoder FOLDER`, or a hub id; `--encoder image:FOLDER` takes the image tower of a
    model of images and texts. Shapes: images (n) -> (n, dim) of length 1.

    Example:
        >>> encoder = PretrainedImage.load("FOLDER", size=96)  # doctest: +SKIP
        >>> encoder.encode([image]).shape  # doctest: +SKIP
        (1, 384)
    """

    dtype: Precision = "auto"
    training_defaults: ClassVar[dict[str, Any]] = Encoder.training_defaults | {"precision": "auto"}

    def __init__(
        self,
        model: Any,
        preprocessing: Preprocessing,
        *,
        pooling: Pooling | None = None,
        projection: nn.Module | None = None,
        head: int | dict[str, Any] | None = None,
    ) -> None:
        super().__init__(1, size=preprocessing.size, channels=3)
        self.mean.copy_(preprocessing.mean[:, None, None])
        self.std.copy_(preprocessing.std[:, None, None])
        self.preprocessing, self.model, self.projection = preprocessing, model, projection
        self.eval()
        blank = {"image": torch.zeros(1, 3, *self.size)}
        weights = list(self.parameters())
        with torch.enable_grad():
            found = self._run(blank)
            self.pooling: Pooling = pooling or _pooling_of(model, found)
            _check_pooling(self.pooling, model, found)
            vector = self._vectors(found, blank)
            gradients = torch.autograd.grad(vector.sum(), weights, allow_unused=True)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.requires_grad_(gradient is not None)
        self.dim = vector.shape[1]
        if head:
            self.head = make_head(self.dim, head, hidden=self.dim)

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        pooling: Literal["pooler", "cls", "mean"] | None = None,
        size: int | None = None,
        head: int | dict[str, Any] | None = None,
    ) -> Self:
        """The image model of a folder, a run or a hub id; None means: as saved.

        Args:
            pooling: see the class.
            size: height and width that images are resized to; the positions of a vision transformer
                are interpolated.
            head: of a training, as in `ImageEncoder.fitted`.

        Raises:
            InputError: a file missing or broken; weights that do not fit the config; a folder that
                is no image model.
        """
        folder = locate(source)
        saved = read_json(require(folder, "config.json"))
        if isinstance(saved, dict) and saved.get("encoder") == cls.__name__:
            model, preprocessing = read_image_model(folder / BACKBONE)
            projection = read_module("Dense", folder / PROJECTION) if saved["projection"] else None
            pooling = pooling or saved["pooling"]
        else:
            whole, preprocessing = read_image_model(folder)
            model, projection = image_half(whole, folder)
        if size is not None:
            whole_number(size, "encoder option 'size'", 8)
            preprocessing = preprocessing.to((size, size))
        return cls(model, preprocessing, pooling=pooling, projection=projection, head=head)

    def save(self, folder: str | Path) -> None:
        """Write the model's own folder, and beside it how it is pooled; without the head."""
        folder = Path(folder)
        with quiet():
            self.model.save_pretrained(folder / BACKBONE)
        self.preprocessing.save(folder / BACKBONE)
        if self.projection is not None:
            write_module(self.projection, folder / PROJECTION)
        write_json(folder / "config.json", self._saved())

    def _saved(self) -> dict[str, Any]:
        return {
            "encoder": type(self).__name__,
            "pooling": self.pooling,
            "projection": self.projection is not None,
        }

    def settings(self) -> dict[str, Any]:
        """The model's config, how images are resized, and how tokens are pooled."""
        config = self.model.config.to_diff_dict()
        return self._saved() | {
            "backbone": {k: v for k, v in sorted(config.items()) if k not in _NOT_A_SETTING},
            "preprocessing": self.preprocessing.settings(),
        }

    def train(self, mode: bool = True) -> Self:
        """As of any module, but batch normalisation stays as it is for `encode`."""
        super().train(mode)
        for name, child in self.named_children():
            for module in child.modules() if name != "head" else ():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    def prepare(self, inputs: Sequence[Any], role: Role = "document") -> Features:
        """Images (h, w) or (h, w, c), uint8, of any sizes, as {"image": (n, 3, *size)} in 0..1."""
        if not len(inputs):
            return {"image": torch.zeros(0, 3, *self.size)}
        images = [_coloured(checked_image(x, f"inputs[{i}]")) for i, x in enumerate(inputs)]
        return {"image": self.preprocessing(images)}

    def forward(self, features: Features) -> Tensor:
        """Unit vectors (n, dim); in training mode through the head, if there is one."""
        return self._finished(self._vectors(self._run(features), features))

    def outputs(self, features: Features, names: Sequence[str]) -> dict[str, Tensor]:
        """Vectors, and the tokens of the places, which the projection does not touch."""
        found = self._run(features)
        tokens = _map(found, self.model, features).flatten(2).transpose(1, 2)
        there = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        vectors = self._finished(self._vectors(found, features))
        return {"vectors": vectors, "tokens": tokens.float(), "mask": there}

    def maps(self, features: Features) -> Tensor:
        """The last layer's vector at every place, (n, width of the model, rows, columns)."""
        return _map(self._run(features), self.model, features)

    def default_budget(self) -> int:
        """Images in one batch of `encode`."""
        return 32

    def _run(self, features: Features) -> Any:
        pixels = (features["image"] - self.mean) / self.std
        trained = getattr(self.model.config, "image_size", None)
        trained = (trained, trained) if isinstance(trained, int) else trained
        if trained is None or tuple(trained) == tuple(pixels.shape[2:]) or not _patch(self.model):
            return self.model(pixel_values=pixels)
        return self.model(pixel_values=pixels, interpolate_pos_encoding=True)

    def _vectors(self, found: Any, features: Features) -> Tensor:
        """The model's output as one vector for each image, (n, dim)."""
        if self.pooling == "pooler":
            vectors = found.pooler_output.flatten(1)
        elif self.pooling == "cls":
            vectors = found.last_hidden_state[:, 0]
        else:
            vectors = _map(found, self.model, features).mean((2, 3))
        return (vectors if self.projection is None else self.projection(vectors)).float()


def read_image_model(folder: Path) -> tuple[Any, Preprocessing]:
    """The model of a folder, all of it, in eval mode, and its preprocessing."""
    preprocessing = Preprocessing.read(folder)
    model, report = load_pretrained(folder, lambda transformers, _: transformers.AutoModel)
    lacking = set(report["missing_keys"])
    if getattr(model, "pooler", None) is not None and any(k.startswith("pooler.") for k in lacking):
        model.pooler = None  # it would be random
    if missing := sorted(k for k in lacking if not k.startswith("pooler.")):
        raise InputError(
            f"{folder}: the weights lack {len(missing)} tensors of a {type(model).__name__}, "
            f"{missing[0]} for one"
        )
    return model.eval(), preprocessing


def image_half(model: Any, folder: Path) -> tuple[Any, Dense | None]:
    """A model's image tower and the projection behind it; of a model of images alone all of it."""
    if not hasattr(model, "vision_model"):
        if getattr(model, "main_input_name", "") != "pixel_values":
            raise InputError(f"{folder}: found {type(model).__name__}; expected an image model")
        return model, None
    return model.vision_model, as_dense(getattr(model, "visual_projection", None))


def as_dense(linear: Any) -> Dense | None:
    """A linear map as the module that folders keep it in."""
    if linear is None:
        return None
    dense = Dense(linear.in_features, linear.out_features, linear.bias is not None, nn.Identity())
    dense.linear = linear
    return dense


def _pooling_of(model: Any, found: Any) -> Pooling:
    """The pooling that a model was made for, as far as its class and what it gives say."""
    is_tanh = hasattr(getattr(model, "pooler", None), "dense")
    if found.get("pooler_output") is not None and not is_tanh:
        return "pooler"
    return "cls" if _patch(model) else "mean"


def _check_pooling(pooling: str, model: Any, found: Any) -> None:
    if pooling not in ("pooler", "cls", "mean"):
        raise InputError(f"pooling: found {pooling!r}; expected pooler, cls or mean")
    if pooling == "cls" and not _patch(model):
        raise InputError(
            f"pooling: found cls for a {type(model).__name__}, which has no such token; expected "
            "pooler or mean"
        )
    if pooling == "pooler" and found.get("pooler_output") is None:
        raise InputError(
            "pooling: found pooler, which the model has not, or not its weights; expected cls or "
            "mean"
        )


def _patch(model: Any) -> int | None:
    """The side of a vision transformer's patches; None of what has no sequence of them."""
    size = getattr(model.config, "patch_size", None)
    staged = getattr(model.config, "depths", None) is not None  # Swin, ConvNeXt: no first token
    return None if staged or not isinstance(size, int) else size


def _map(found: Any, model: Any, features: Features) -> Tensor:
    """The last states where they are in the image, (n, d, rows, columns), without other tokens."""
    states: Tensor = found.last_hidden_state
    if states.ndim == 4:
        return states
    height, width = features["image"].shape[2:]
    if patch := _patch(model):
        rows, columns = height // patch, width // patch
    else:  # in stages: as many places as are left
        places = states.shape[1]
        rows = round((places * height / width) ** 0.5)
        columns = places // rows
    return (
        states[:, states.shape[1] - rows * columns :].transpose(1, 2).unflatten(2, (rows, columns))
    )


def _coloured(image: np.ndarray) -> np.ndarray:
    """A grey image with three equal channels; transparency is left out."""
    image = image[..., None] if image.ndim == 2 else image
    return np.repeat(image[..., :1], 3, 2) if image.shape[2] < 3 else image[..., :3]
