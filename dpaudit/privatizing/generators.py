"""Where the noise comes from: a generator that cannot be predicted, or one that can."""

import secrets

import numpy as np
from numpy.random import Generator

__all__ = ["predictable_generator", "secure_generator"]


def secure_generator() -> Generator:
    """A generator on the stream of ChaCha20 under a fresh key of 256 bits.

    The key comes from the operating system, is used for this generator only, and is kept nowhere
    else: whoever learns it can undo the noise.

    Examples
    --------
    >>> secure_generator().bit_generator.__class__.__name__
    'ChaCha'
    """
    from randomgen import ChaCha  # NumPy has no cryptographic bit generator

    # `key` is the key of the cipher itself; `seed` would be stretched from fewer words.
    return Generator(ChaCha(key=secrets.randbits(256), counter=0, rounds=20))


def predictable_generator(seed: int) -> Generator:
    """NumPy's default generator with a seed: for tests. Its output hides nothing from somebody
    who knows or guesses the seed.

    Examples
    --------
    >>> predictable_generator(1).random() == predictable_generator(1).random()
    True
    """
    return np.random.default_rng(seed)
