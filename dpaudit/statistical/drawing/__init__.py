"""From a black box to labelled draws: what a mechanism is, how it is called, what comes back.

`Drawer.draw` is the one primitive: rounds of a fair random label and an output of the mechanism
on the input that the label names. The modules from the ground up: `failures`, `callables` (what
a mechanism is), `outputs` (one array from whatever comes back), `calling` (seeds and one chunk
of calls, the same in every process), `in_process` and `workers` with `worker` (where the calls
happen), `rounds`.
"""

from .callables import Source, name_of, plain_parameters, source_of
from .failures import MechanismFailure
from .rounds import Drawer, Rounds
from .seen import Seen

__all__ = [
    "Drawer",
    "MechanismFailure",
    "Rounds",
    "Seen",
    "Source",
    "name_of",
    "plain_parameters",
    "source_of",
]
