"""Conventions of the checker: what its language and SymPy mean where textbooks differ.

They are part of the trusted base: a theorem says what it says under these. Each has a test that
fails if SymPy, or the checker, comes to mean something else (`tests/attacks/test_conventions.py`).
"""

__all__ = ["CONVENTIONS"]

CONVENTIONS: dict[str, str] = {
    "limits": "A limit at a point is one-sided, from above, unless it names another side.",
    "existence": "An integral, infinite sum, limit or derivative stands for its value, in the case "
    "that it exists; an infinite sum or integral of real terms counts as a real number.",
    "divergent sums": "An infinite sum of positive terms that diverges is equal to infinity.",
    "empty sums": "A sum from a to a - 1 is 0 and a product 1; from a to b < a - 1 a sum is minus "
    "the sum from b + 1 to a - 1 (Karr), so that closed forms hold for all integers.",
    "integrals": "An integral does not see the ends of its range; from a to b < a it is minus that "
    "from b to a.",
    "powers": "x^0 = 1 for every x, 0 included.",
    "remainders": "Mod(x, y) = x - y floor(x/y) has the sign of y, and is called real where y is "
    "known not to be 0.",
    "steps": "Heaviside(x) is called real, and is 1/2 at 0; its derivative is DiracDelta, which is "
    "called real too.",
    "signs": "What symbols are declared to be is all that is known; a positive symbol is above 0 "
    "and finite, an integer is finite.",
    "division": "To z3 the reciprocal of 0, and the square root of a negative number, may be any "
    "number.",
    "relations": "Formulas are never evaluated: a relation is kept as it is written.",
}
