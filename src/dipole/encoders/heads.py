"""Projection heads: used in training, dropped afterwards."""

from __future__ import annotations

from torch import nn


class ProjectionHead(nn.Sequential):
    """A linear map, or a perceptron with one hidden layer, applied before the objective.

    linear: z = W h + b. With `hidden`: z = W2 relu(norm(W1 h)) + b2, norm a batch normalisation if
    `batch_norm` (then W1 has no bias, the normalisation has one).
    Source: SimCLR, arXiv 2002.05709, section 4.2 (hidden = dim, out = 128).

    Shapes: (n, dim) -> (n, out).

    Example:
        >>> ProjectionHead(384, 128, hidden=384)(torch.randn(4, 384)).shape
        torch.Size([4, 128])
    """

    def __init__(
        self, dim: int, out: int, *, hidden: int | None = None, batch_norm: bool = False
    ) -> None:
        layers: list[nn.Module] = []
        if hidden is None:
            layers.append(nn.Linear(dim, out))
        else:
            layers.append(nn.Linear(dim, hidden, bias=not batch_norm))
            if batch_norm:
                layers.append(nn.BatchNorm1d(hidden))
            layers += [nn.ReLU(), nn.Linear(hidden, out)]
        super().__init__(*layers)
        self.dim = dim
        self.out = out
