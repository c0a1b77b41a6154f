"""The law of an argmin of distances plus truncated Gumbel noise with a random cutoff, jitted.

Words are ranked by distance from the input, d_1 = 0 <= d_2 <= ...; K has probabilities p_k; the
output is the argmin over i <= K of d_i + g_i, the g_i independent Gumbel(0, b) conditioned on
|g| <= D. With f and S the density and the survival function of the noise,

    P(rank r) = p_r  integral over x from d_r - D to D of  f(x - d_r) Q_{r-1}(x) B_r(x),
    Q_r(x) = product over i <= r of S(x - d_i),    B_r = 1 + (p_{r+1} / p_r) S(x - d_{r+1}) B_{r+1}

(specification, section 5.2, with A_r = p_r Q_r B_r). B needs no logarithms: it lies between 1 and
the tail sum of p over p_r. Q is a product that is rescaled now and then.

With v = e^{-(x - d)/b} = e^{-x/b} e^{d/b}, v_0 = e^{-D/b} and t = v - v_0,

    S = (1 - e^{-t}) / (1 - e^{-t_max}),    f = v e^{-t} / (b (1 - e^{-t_max}))

with t_max = 2 sinh(D/b).

Nodes. The integrand of rank r starts at its corner d_r - D and falls from there at least as fast
as the sum H of the hazards f/S of the nearer words, because these hazards increase. So panels
are cut at every corner and are short against 1/H, each panel looks only at words whose corner lies
at most 40/H behind. A panel is integrated by two Gauss-Legendre rules, the difference of which is
the error estimate, or where the integrand hardly falls by one rule with its remainder.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["truncated_gumbel_row"]

Floats = NDArray[np.float64]

#: Nodes that are worked on side by side.
LANES = 64

#: Nats below its start at which the integrand of a rank is left out.
_NEGLIGIBLE = 40.0

#: A panel is at most this long in units of 1/H; up to _SHORT its remainder needs no second rule.
_LONGEST = 0.5
_SHORT = 0.25

#: Words for which H is summed anew for every panel; for more it is taken from a table.
_FEW = 160
_SAMPLES = 96

#: Rows of a block's work space.
_STEP, _EXP, _TAIL, _PRODUCT, _COARSE, _FINE = range(6)

_SCALE = 2.0**300
_LOG_SCALE = 300.0 * math.log(2.0)
_UNIT_ROUNDOFF = 2.0**-53

# Gauss-Legendre nodes and weights on [-1, 1] (Abramowitz and Stegun, table 25.4).
_NODES_3, _WEIGHTS_3 = np.polynomial.legendre.leggauss(3)
_NODES_4, _WEIGHTS_4 = np.polynomial.legendre.leggauss(4)

_LOG2_E = 1.0 / math.log(2.0)
# ln 2 in two parts, the first with 32 trailing zero bits, so that k times it is exact.
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
#: 2^-k for k = 0 ... 1022.
_POWERS = 2.0 ** -np.arange(1023.0)


@njit(nogil=True, cache=True, inline="always")
def _exp_polynomial(r: float) -> float:
    """Taylor polynomial of e^r to the 13th degree: below 2^-57 relatively for |r| <= 0.35."""
    s = 1.0 / 6227020800.0
    s = s * r + 1.0 / 479001600.0
    s = s * r + 1.0 / 39916800.0
    s = s * r + 1.0 / 3628800.0
    s = s * r + 1.0 / 362880.0
    s = s * r + 1.0 / 40320.0
    s = s * r + 1.0 / 5040.0
    s = s * r + 1.0 / 720.0
    s = s * r + 1.0 / 120.0
    s = s * r + 1.0 / 24.0
    s = s * r + 1.0 / 6.0
    s = s * r + 0.5
    s = s * r + 1.0
    return s * r + 1.0


@njit(nogil=True, cache=True, inline="always")
def _exp_of_negative(argument: float) -> float:
    """e^t for t <= 0; below -700 counts as -700. Vectorised where it is inlined."""
    t = max(argument, -700.0)
    k = math.floor(t * _LOG2_E + 0.5)
    r = (t - k * _LN2_HIGH) - k * _LN2_LOW
    return _exp_polynomial(r) * _POWERS[int(-k)]


@njit(nogil=True, cache=True, error_model="numpy")
def _hazard_sum(x: float, distances: Floats, count: int, scale: float, radius: float) -> float:
    """Sum of f/S at x - d_i over the words of rank 2 to `count` whose corner lies below x.

    Rank 1 is left out: where its S vanishes, at x = D, it does so as a polynomial.
    """
    total = 0.0
    v_0 = math.exp(-radius / scale)
    for i in range(1, count):
        z = x - distances[i]
        if z < -radius:
            break
        v = math.exp(-z / scale)
        rest = -math.expm1(-(v - v_0))
        total += v * math.exp(-(v - v_0)) / (scale * max(rest, 1e-300))
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def _reach(
    distances: Floats, scale: float, radius: float, samples: NDArray[np.int64], sums: Floats
) -> Floats:
    """Where the integrand of every rank becomes negligible; fills the table of hazard sums.

    sums[s] is H at the corner of rank samples[s]; H increases, so the entry before a rank bounds
    it from below, and the entry after it from above.
    """
    n = distances.size
    reach = np.empty(n)
    for s in range(samples.size):
        sums[s] = _hazard_sum(distances[samples[s]] - radius, distances, samples[s], scale, radius)
    s = 0
    for r in range(n):
        while s + 1 < samples.size and samples[s + 1] <= r:
            s += 1
        rate = sums[s]
        corner = distances[r] - radius
        reach[r] = min(radius, corner + _NEGLIGIBLE / rate) if rate > 0.0 else radius
    return reach


@njit(nogil=True, cache=True, error_model="numpy")
def _lay_nodes(
    left: float,
    right: float,
    decay: float,
    nodes: Floats,
    coarse: Floats,
    fine: Floats,
    used: int,
) -> int:
    """Append the nodes of [left, right], over which the integrand falls by about `decay` nats.

    Two rules where that is much; their weights are 0 at each other's nodes. Where it is little,
    one rule, and the coarse weights are off by twice its remainder for an exponential,
    decay^6 (3!)^4 / (7 (6!)^3) of the integral (Abramowitz and Stegun, 25.4.30).
    """
    middle, half = 0.5 * (left + right), 0.5 * (right - left)
    single = decay <= _SHORT
    for k in range(3):
        nodes[used + k] = middle + half * _NODES_3[k]
        weight = half * _WEIGHTS_3[k]
        coarse[used + k] = weight * (1.0 - 1e-6 * decay**6) if single else weight
        fine[used + k] = weight if single else 0.0
    if single:
        return used + 3
    for k in range(4):
        nodes[used + 3 + k] = middle + half * _NODES_4[k]
        coarse[used + 3 + k], fine[used + 3 + k] = 0.0, half * _WEIGHTS_4[k]
    return used + 7


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _integrate_block(
    nodes: Floats,
    coarse: Floats,
    fine: Floats,
    count: int,
    growth: Floats,
    ratios: Floats,
    tails: Floats,
    scale: float,
    radius: float,
    stored: Floats,
    coarse_sums: Floats,
    fine_sums: Floats,
    scales: NDArray[np.int64],
) -> None:
    """Add the block's part of the integrals of ranks 1 to `count`.

    The integral of rank i is fine_sums[i] * 2^(-300 scales[i]), but for the constant in f.
    `stored`, shape (n, 2 LANES), is work space: f B and S of every word and lane. The other work
    space is one array, because LLVM vectorises only what it can see not to overlap.
    """
    work = np.empty((6, LANES))
    v_0, v_max = math.exp(-radius / scale), math.exp(radius / scale)
    inverse = -1.0 / math.expm1(-(v_max - v_0))
    # Nodes of a block are close together: with v_c at their middle, v - v_c = v_c * step is small
    # and e^-(v - v_c) a short polynomial.
    middle = 0.5 * (nodes[:LANES].min() + nodes[:LANES].max())
    middle_decay = math.exp(-middle / scale)
    widest = 0.0
    for lane in range(LANES):
        work[_COARSE, lane], work[_FINE, lane] = coarse[lane], fine[lane]
        work[_STEP, lane] = math.expm1(-(nodes[lane] - middle) / scale)
        work[_TAIL, lane], work[_PRODUCT, lane] = tails[count - 1], 1.0
        widest = max(widest, abs(work[_STEP, lane]))
    # e^-(v_c - v_0) of all words first: a loop over words is vectorised, a call for each is not.
    bases = np.empty(count)
    for i in range(count):
        bases[i] = _exp_of_negative(v_0 - middle_decay * growth[i])
    for i in range(count - 1, -1, -1):
        center, ratio = middle_decay * growth[i], ratios[i]
        if center * widest <= 0.35:
            base = bases[i]
            if center * widest <= 0.005:
                for lane in range(LANES):
                    t = -center * work[_STEP, lane]
                    e = t * (1.0 / 120.0) + 1.0 / 24.0
                    e = ((e * t + 1.0 / 6.0) * t + 0.5) * t + 1.0
                    work[_EXP, lane] = base * (e * t + 1.0)
            else:
                for lane in range(LANES):
                    work[_EXP, lane] = base * _exp_polynomial(-center * work[_STEP, lane])
        else:
            for lane in range(LANES):
                work[_EXP, lane] = _exp_of_negative(v_0 - center * (1.0 + work[_STEP, lane]))
        for lane in range(LANES):
            v, e, tail = center + center * work[_STEP, lane], work[_EXP, lane], work[_TAIL, lane]
            inside = v <= v_max
            s = (1.0 - e) * inverse if inside else 1.0
            stored[i, lane] = v * e * tail if inside else 0.0
            stored[i, LANES + lane] = s
            work[_TAIL, lane] = 1.0 + ratio * s * tail
    rescaled = 0
    for i in range(count):
        low, high = 0.0, 0.0
        for lane in range(LANES):
            product = work[_PRODUCT, lane]
            value = stored[i, lane] * product
            low += work[_COARSE, lane] * value
            high += work[_FINE, lane] * value
            work[_PRODUCT, lane] = product * stored[i, LANES + lane]
        behind = rescaled - scales[i]  # whole scales by which this block's part is smaller
        if fine_sums[i] == 0.0 or behind < -1:
            coarse_sums[i], fine_sums[i], scales[i] = low, high, rescaled
        elif behind == -1:
            coarse_sums[i] = coarse_sums[i] / _SCALE + low
            fine_sums[i] = fine_sums[i] / _SCALE + high
            scales[i] = rescaled
        elif behind == 0:
            coarse_sums[i] += low
            fine_sums[i] += high
        elif behind == 1:
            coarse_sums[i] += low / _SCALE
            fine_sums[i] += high / _SCALE
        if i % 8 == 7:
            largest = 0.0
            for lane in range(LANES):
                largest = max(largest, work[_PRODUCT, lane])
            if 0.0 < largest < 1.0 / _SCALE:
                rescaled += 1
                for lane in range(LANES):
                    work[_PRODUCT, lane] *= _SCALE


@njit(nogil=True, cache=True, error_model="numpy")
def truncated_gumbel_row(
    distances: Floats,
    log_cutoff: Floats,
    scale: float,
    radius: float,
    log_law: Floats,
    errors: Floats,
) -> None:
    """Fill ln P and its error estimate by rank.

    Parameters
    ----------
    distances : float64 (n,)
        Sorted distances from the input, the first one 0.
    log_cutoff : float64 (n,)
        ln p_k for k = 1 ... n; positive up to some k, -inf (impossible) from there on.
    scale, radius
        b and D, with all distances at most D.
    log_law, errors : float64 (n,)
        Filled, in nats; ranks beyond the largest cutoff get -inf and error 0.
    """
    n = distances.size
    while n > 0 and log_cutoff[n - 1] == -np.inf:
        n -= 1
    log_law[n:], errors[n:] = -np.inf, 0.0
    if n == 0:
        return
    # ratios[i] = p of this rank over p of the rank before; tails[i] = sum of p from here over p.
    ratios, tails = np.zeros(n), np.ones(n)
    for i in range(n - 1, -1, -1):
        if i + 1 < n:
            tails[i] = 1.0 + math.exp(log_cutoff[i + 1] - log_cutoff[i]) * tails[i + 1]
        if i > 0:
            ratios[i] = math.exp(log_cutoff[i] - log_cutoff[i - 1])
    growth = np.exp(distances[:n] / scale)
    samples = np.unique(np.linspace(0.0, n - 1.0, min(n, _SAMPLES)).astype(np.int64))
    sums = np.empty(samples.size)
    reach = _reach(distances[:n], scale, radius, samples, sums)
    v_max = math.exp(radius / scale)

    stored = np.empty((n, 2 * LANES))
    coarse_sums, fine_sums = np.zeros(n), np.zeros(n)
    scales = np.zeros(n, dtype=np.int64)
    nodes, coarse, fine = np.empty(LANES + 8), np.zeros(LANES + 8), np.zeros(LANES + 8)
    used, below, wanted, sample = 0, 0, 0, 0
    left = -radius
    while left < radius:
        # `below` words have their corner at or below the left end; the last one that still counts
        # there is `top`, and the tail sum behind it needs some more.
        while below < n and distances[below] - radius <= left:
            below += 1
        top = below
        while top > 1 and reach[top - 1] <= left:
            top -= 1
        count = min(below, _with_tail(top, ratios))
        while sample + 1 < samples.size and samples[sample] < below:
            sample += 1
        few = count <= _FEW
        rate = _hazard_sum(left, distances, count, scale, radius) if few else sums[sample]
        rate += (1.0 + v_max) / scale
        # Never shorter than a millionth, whatever the rate: the error estimate says at what cost.
        right = min(radius, left + max(_LONGEST / rate, 1e-6 * radius))
        if below < n:
            right = min(right, distances[below] - radius)
        if right - left > 1e-15 * radius:
            if used + 7 > LANES:
                used = _finish(nodes, coarse, fine, used)
                _integrate_block(
                    nodes, coarse, fine, wanted, growth, ratios, tails, scale, radius,
                    stored, coarse_sums, fine_sums, scales,
                )  # fmt: skip
                used, wanted = 0, 0
            used = _lay_nodes(left, right, (right - left) * rate, nodes, coarse, fine, used)
            wanted = max(wanted, count)
        left = right
    if used:
        _finish(nodes, coarse, fine, used)
        _integrate_block(
            nodes, coarse, fine, wanted, growth, ratios, tails, scale, radius,
            stored, coarse_sums, fine_sums, scales,
        )  # fmt: skip

    constant = -math.log(scale) - math.log(-math.expm1(-2.0 * math.sinh(radius / scale)))
    for i in range(n):
        integral = fine_sums[i]
        log_law[i] = log_cutoff[i] + constant + math.log(integral) - _LOG_SCALE * scales[i]
        difference = abs(fine_sums[i] - coarse_sums[i]) / integral
        # Each factor S errs by a few ulp of v over t, at worst b/D of them.
        rounding = (8.0 * i + 256.0) * (v_max + scale / radius) * _UNIT_ROUNDOFF
        errors[i] = difference + rounding + 8.0 * _UNIT_ROUNDOFF * abs(log_law[i])


@njit(nogil=True, cache=True, error_model="numpy")
def _finish(nodes: Floats, coarse: Floats, fine: Floats, used: int) -> int:
    """Fill the lanes left over with copies of the last node that weigh nothing."""
    for lane in range(used, LANES):
        nodes[lane], coarse[lane], fine[lane] = nodes[used - 1], 0.0, 0.0
    return LANES


@njit(nogil=True, cache=True, error_model="numpy")
def _with_tail(top: int, ratios: Floats) -> int:
    """Words needed so that the sum B of the first `top` is complete to 2^-60."""
    left = 1.0
    count = top
    while count < ratios.size and left > 2.0**-60:
        left *= ratios[count]
        count += 1
    return count
