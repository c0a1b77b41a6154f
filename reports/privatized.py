"""What `dpaudit privatize` did to a text, as one page that quotes nothing of it."""

from ..privatizing.guarantee import OUTSIDE
from ..privatizing.summary import Summary
from .page import environment

__all__ = ["render"]


def render(summary: Summary) -> str:
    """The page as HTML text. Its counts of replacements are computed from the originals: the page
    says so, and that it is no part of what is released."""
    kinds = summary.kinds
    most = max([count for _, count in kinds], default=0)
    rows = [
        (kind, count, count / max(1, sum(c for _, c in kinds)), count / max(1, most))
        for kind, count in kinds
    ]
    return (
        environment()
        .get_template("privatized.html")
        .render(
            summary=summary,
            guarantee=summary.guarantee,
            claim=summary.guarantee.claim,
            rows=rows,
            outside=OUTSIDE,
        )
    )
