"""The list of mechanisms, which imports none of them, against the classes that it names."""

import pytest

from dpaudit import EmbeddingSpace, mechanisms
from dpaudit.errors import InputError
from dpaudit.mechanisms import registry

SPACE = EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [3.0]])


@pytest.mark.parametrize("entry", registry.MECHANISMS.values(), ids=lambda entry: entry.name)
def test_entries_tell_the_truth(entry):
    mechanism = entry.load()(SPACE, epsilon=15.0)
    assert mechanism.name == entry.name
    kind = {"metric": "metric DP", "pure": "pure DP"}[mechanism.claim.kind]
    assert entry.claim.startswith(kind)
    assert ("exact" in entry.evidence) == hasattr(mechanism, "log_laws")
    assert mechanism.parameters["epsilon"] == 15.0
    assert getattr(mechanisms, entry.attribute) is entry.load()
    rebuilt = registry.build(entry.load(), entry.name, SPACE, mechanism.parameters)
    assert rebuilt.parameters == mechanism.parameters


def test_unknown_names():
    with pytest.raises(InputError, match="Did you mean metric-exponential"):
        registry.find("metric-exponentail")
    with pytest.raises(AttributeError):
        _ = mechanisms.Nothing
    assert "MetricExponential" in dir(mechanisms)


def test_parameters_are_checked_by_name():
    factory = mechanisms.TruncatedExponential
    with pytest.raises(InputError, match="no parameter 'gamma'; its parameters are epsilon, thr"):
        registry.build(factory, "truncated-exponential", SPACE, {"epsilon": 1.0, "gamma": 2.0})
    with pytest.raises(InputError, match="needs a value for epsilon"):
        registry.build(factory, "truncated-exponential", SPACE, {})
