"""Vocabularies with their vectors and metric: `EmbeddingSpace`, distances, file readers."""

from .space import EmbeddingSpace, Extent

__all__ = ["EmbeddingSpace", "Extent"]
