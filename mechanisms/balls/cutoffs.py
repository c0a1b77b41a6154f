"""Laws of the random cutoff K in ball arithmetic."""

from flint import arb

__all__ = ["poisson_cutoff"]


def poisson_cutoff(n: int, rate: arb, smallest: int, largest: int) -> list[arb]:
    """Pr[K = k] for k = 0 ... n, K being Poisson(`rate`) conditioned on `smallest` <= K <=
    `largest`; exactly 0 outside.

    Examples
    --------
    >>> [float(p.mid()) for p in poisson_cutoff(3, arb(1), 1, 2)]
    [0.0, 0.6666666666666666, 0.3333333333333333, 0.0]
    """
    terms = [arb(0)] * (n + 1)
    term = arb(1)
    for k in range(largest + 1):
        if k > 0:
            term = term * rate / k
        if k >= smallest:
            terms[k] = term
    total = sum(terms, arb(0))
    return [term / total for term in terms]
