"""The law of `truncated-gumbel` in ball arithmetic (specification, section 4.6)."""

from dataclasses import dataclass
from flint import acb, arb, ctx, fmpq
from ...errors import ClaimError
from .cutoffs import poisson_cutoff
from .geometry import ExactGeometry

__all__ = ["CUTOFFS", "TruncatedGumbelBallLaw"]

CUTOFFS = ("published", "mldp-text")


@dataclass(frozen=True, eq=False)
class TruncatedGumbelBallLaw:
    geometry: ExactGeometry
    epsilon: fmpq
    cutoff: str = "published"
    bits: int = 48

    @property
    def scale(self):
        shortest, longest = (self.geometry.distance(k) for k in self.geometry.extremes)
        n = len(self.geometry)
        a = (arb(self.epsilon) - 2 * (1 + arb(n).log()) / shortest) / 3
        if not a * shortest > 1:
            raise ClaimError("x")
        return 2 * longest / (2 * a * longest).lambertw().min((a * shortest).log())

    def cutoff_law(self):
        n = len(self.geometry)
        if self.cutoff == "published":
            return poisson_cutoff(n, arb(n).log(), 1, n)
        return poisson_cutoff(n, arb(n - 1).log(), 0, n - 1)

    def probability(self, word, output):
        row = Row(self, word)
        return row.rank(self.geometry.ranked(word).index(output))


class Row:
    def __init__(self, law, word):
        g = law.geometry
        keys = g.row(word)
        order = g.ranked(word)
        self.p = law.cutoff_law()
        b = law.scale
        self.bits = law.bits
        D = g.distance(g.extremes[1])
        v0 = (-D / b).exp()
        self.tmax = 2 * (D / b).sinh()
        self.mass = -(-self.tmax).expm1()
        self.c, self.k, self.s = [], [], []
        for y in order:
            d = g.distance(keys[y]) / b
            self.c.append(-d.exp())
            self.k.append(-v0 * d.expm1())
            self.s.append(2 * (-d / 2).exp() * (D / b - d / 2).sinh())
        self.suffix = [arb(0)] * (len(self.p) + 1)
        for k in range(len(self.p) - 1, 0, -1):
            self.suffix[k] = self.suffix[k + 1] + self.p[k]
        self.evals = [0, 0]

    def product(self, s, count):
        value = (-1) ** count
        pr = arb(1) if isinstance(s, arb) else acb(1)
        for c, k in zip(self.c[:count], self.k[:count]):
            pr *= (c * s + k).expm1()
        return -pr if count % 2 else pr

    def tail(self, s, r, last, active, clip):
        """p_{r+1} + S_{r+2}(...): 0-based rank r, words r+1..last"""
        value = self.p[last + 1]
        for i in range(last, r, -1):
            if i < active:
                S = -(self.c[i] * s + self.k[i]).expm1() / self.mass
                if clip <= i:
                    S = S.min(1)
                value = self.p[i] + S * value
            else:
                value = self.p[i] + value
        return value

    def rank(self, r):
        p, n = self.p, len(self.c)
        if not self.suffix[r + 1] > 0:
            return arb(0)
        tol = arb(2) ** -self.bits
        last = r
        while last + 1 < n and not self.suffix[last + 2] <= tol * (
            self.suffix[r + 1] - self.suffix[last + 2]
        ):
            last += 1
        scale = self.mass ** -(r)

        def g(s):
            self.evals[0] += 1
            return self.product(s, r) * self.tail(s, r, last, n, 0)

        top = self.s[r]
        best = arb(0)
        cut = arb(0)
        bound = arb(0)
        history = []
        with ctx.workprec(64):
            for j in range(-16, 0):
                s = arb((1 - arb(2) ** j) * top).mid()
                S = (-(self.c[r] * s + self.k[r]).expm1() / self.mass).min(1)
                G = g(s)
                best = best.max((G * (1 - S)).lower())
                if G * S <= tol * best:
                    cut = s
                    bound = G * S
                    break
        total = arb(0).union(bound)
        # clusters
        clusters = []
        for i in range(r, last + 1):
            lo, hi = self.s[i].lower(), self.s[i].upper()
            if clusters and not hi < clusters[-1][0]:
                clusters[-1][0] = min(lo, clusters[-1][0])
                clusters[-1][2] = i + 1
            else:
                clusters.append([lo, hi, i + 1, i])
        pieces = 0
        for j, (lo, hi, active, first) in enumerate(clusters):
            if hi <= cut:
                break
            lo_ = lo if lo > cut else cut
            x = lo_.union(hi)
            self.evals[0] += 1
            f = (self.c[r] * x + self.k[r]).exp() * -self.c[r] / self.mass
            value = f * self.product(x, r) * self.tail(x, r, last, active, first)
            length = (top if j == 0 else hi) - lo_
            total += length.nonnegative_part() * value
            left = clusters[j + 1][1] if j + 1 < len(clusters) else cut
            if left < cut:
                left = cut
            if not left < lo_:
                continue

            def func(x, _):
                if x.imag == 0:
                    x = x.real
                    self.evals[0 if x.rad()==0 else 1] += 1
                    return acb(
                        (self.c[r] * x + self.k[r]).exp()
                        * self.product(x, r)
                        * self.tail(x, r, last, active, n)
                    )
                else:
                    self.evals[1] += 1
                return (
                    (self.c[r] * x + self.k[r]).exp()
                    * self.product(x, r)
                    * self.tail(x, r, last, active, n)
                )

            e = list(self.evals)
            q = acb.integral(
                func, left, lo_, rel_tol=tol, abs_tol=tol * best * self.mass / -self.c[r]
            ).real
            #print("piece", float(((lo_ - left) / top).mid()), active - r, [a - b for a, b in zip(self.evals, e)], q.rel_accuracy_bits())
            total += q * -self.c[r] / self.mass
        rest = self.suffix[last + 2] / (self.suffix[r + 1] - self.suffix[last + 2])
        total *= scale
        total *= 1 + arb(0).union(rest)
        if r == 0:
            total += self.p[0]

        return total
