"""Readers of embedding files: one format a module, one grammar for each (docs/spaces.md).

`read_embedding` finds the format out by the content, reads, and records how it read. Whatever a
file contradicts is an error that names the file, the place and the way out; nothing is guessed,
and nothing is left out without being counted. Pickles are never loaded.
"""

from .model import FORMATS, LoadedEmbedding, ReadOptions
from .read import read_embedding

__all__ = ["FORMATS", "LoadedEmbedding", "ReadOptions", "read_embedding"]
