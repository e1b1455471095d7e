"""What stands between the encoder and the objective: queues, teachers, centroids, lists."""

from dipole.training.parts.base import Part

__all__ = ["Part"]
