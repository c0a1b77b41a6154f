"""The direction of imports, the weight of start-up and the public names."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dpaudit

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "dpaudit"

#: Floors from the ground up (README, "Layout"). A module belongs to its longest matching room.
FLOORS = {
    "dpaudit": 1,  # only the version and lazy names
    "dpaudit.errors": 1,
    "dpaudit.exit_codes": 1,
    "dpaudit.claims": 1,
    "dpaudit.files": 1,
    "dpaudit.results": 1,
    "dpaudit.visible": 1,
    "dpaudit.mechanisms.balls": 2,
    "dpaudit.mechanisms.kernels": 2,
    "dpaudit.mechanisms.spaces": 2,
    "dpaudit.mechanisms.protocol": 2,
    "dpaudit.proofs.axioms": 2,
    "dpaudit.proofs.cache": 2,
    "dpaudit.proofs.checker": 2,
    "dpaudit.proofs.engines": 2,
    "dpaudit.proofs.consistency": 2,
    "dpaudit.proofs.conventions": 2,
    "dpaudit.proofs.example": 2,
    "dpaudit.proofs.language": 2,
    "dpaudit.proofs.model": 2,
    "dpaudit.proofs.rules": 2,
    "dpaudit.proofs.signs": 2,
    "dpaudit.proofs.store": 2,
    "dpaudit.proofs.substitution": 2,
    "dpaudit.mechanisms": 3,
    "dpaudit.mechanisms.numbers": 3,
    "dpaudit.mechanisms.registry": 3,
    "dpaudit.mechanisms.words": 3,
    "dpaudit.proofs": 3,
    "dpaudit.proofs.display": 3,
    "dpaudit.proofs.standing": 3,
    "dpaudit.proofs.theorems": 3,
    "dpaudit.certificates": 4,
    "dpaudit.exact": 4,
    "dpaudit.proven": 4,
    "dpaudit.radial": 4,
    "dpaudit.statistical": 4,
    "dpaudit.statistical.drawing": 4,
    "dpaudit.statistics": 4,
    "dpaudit.curves": 5,
    "dpaudit.attacked": 5,
    "dpaudit.auditing": 5,
    "dpaudit.blackbox": 5,
    "dpaudit.completing": 5,
    "dpaudit.lawless": 5,
    "dpaudit.proofstatus": 5,
    "dpaudit.records": 5,
    "dpaudit.sweeping": 5,
    "dpaudit.privatizing": 5,
    "dpaudit.reports": 6,
    "dpaudit.cli": 7,
    "dpaudit.showcase": 7,
    "dpaudit.__main__": 8,
}


def modules() -> dict[str, Path]:
    """Every module of the package by its one importable name."""
    found = {}
    folders = [(PACKAGE, "dpaudit")]
    while folders:
        folder, prefix = folders.pop()
        for path in sorted(folder.iterdir()):
            if path.is_dir() and (path / "__init__.py").exists():
                folders.append((path, f"{prefix}.{path.name}"))
            elif path.suffix == ".py":
                name = prefix if path.stem == "__init__" else f"{prefix}.{path.stem}"
                found[name] = path
    return found


MODULES = modules()


def room(module: str) -> str:
    """The longest entry of FLOORS that the module lies in."""
    parts = module.split(".")
    names = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return next(name for name in names if name in FLOORS)


def is_type_checking(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def imports(module: str, path: Path) -> set[str]:
    """Modules of the package that a module imports, at the top or later, types aside."""
    found = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    while waiting:
        node = waiting.pop()
        if is_type_checking(node):
            continue
        waiting.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("dpaudit")}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                start = ".".join(parts[: len(parts) - node.level + 1])
                base = f"{start}.{base}" if base else start
            if base.split(".")[0] == "dpaudit":
                targets = {f"{base}.{alias.name}" for alias in node.names}
                found |= {target if target in MODULES else base for target in targets}
    return found


GRAPH = {module: imports(module, path) for module, path in MODULES.items()}


def test_every_module_has_a_floor_of_its_own():
    homeless = [m for m in MODULES if room(m) == "dpaudit" and m != "dpaudit"]
    assert homeless == []
    assert all(name in MODULES for name in FLOORS)


def test_imports_point_downwards():
    upward = [
        f"{module} imports {target}"
        for module, targets in GRAPH.items()
        for target in targets
        if FLOORS[room(target)] > FLOORS[room(module)]
    ]
    assert upward == []


def test_audits_know_mechanisms_through_the_protocol_only():
    direct = [
        f"{module} imports {target}"
        for module, targets in GRAPH.items()
        for target in targets
        if FLOORS[room(module)] in (4, 5, 6)
        and target.startswith(("dpaudit.mechanisms.words", "dpaudit.mechanisms.numbers"))
    ]
    assert direct == []


def test_no_circles():
    done: set[str] = set()
    path: list[str] = []

    def visit(module: str) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module in done:
            return
        path.append(module)
        for target in sorted(GRAPH[module] - {module}):
            visit(target)
        path.pop()
        done.add(module)

    for module in sorted(GRAPH):
        visit(module)


def test_the_checks_can_fail():
    """A planted upward import is seen."""
    source = "def f():\n    from ..cli import app\n"
    tree_path = PACKAGE / "exact" / "__init__.py"
    assert "dpaudit.cli" not in imports("dpaudit.exact", tree_path)
    planted = Path(tree_path.parent / "planted_for_test.py")
    try:
        planted.write_text(source, encoding="utf-8")
        assert imports("dpaudit.exact.planted_for_test", planted) == {"dpaudit.cli.app"}
    finally:
        planted.unlink()


HEAVY = {"numba", "scipy", "sympy", "z3", "matplotlib", "jinja2", "numpy", "flint"}


@pytest.mark.parametrize("code", ["import dpaudit", "import dpaudit.cli", "dpaudit.PureDP(1.0)"])
def test_start_up_loads_nothing_heavy(code):
    script = f"import dpaudit; {code}; import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert HEAVY & set(done.stdout.split()) == set()


def test_help_loads_nothing_heavy():
    script = "import sys; sys.argv = ['dpaudit', '--help']\nfrom dpaudit.cli import main\n"
    script += "try:\n    main()\nexcept SystemExit:\n    print('MODULES', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split("MODULES")[1].split())
    assert "typer" in loaded
    assert HEAVY & loaded == set()


def test_public_names():
    """A snapshot: a change here is a change of the interface and belongs in the changelog."""
    assert dpaudit.__all__ == [
        "ApproximateDP",
        "AuditResult",
        "Certificate",
        "ClaimError",
        "DPAuditError",
        "EmbeddingSpace",
        "Evidence",
        "InputError",
        "Interval",
        "MemoryNeededError",
        "MetricDP",
        "NumericalError",
        "PureDP",
        "SpaceError",
        "UnknownWordError",
        "Verdict",
        "VerdictError",
        "Witness",
        "audit",
        "mechanisms",
        "neighbouring_answers",
        "verify",
    ]
    assert set(dpaudit.__all__) <= set(dir(dpaudit))
    for name in dpaudit.__all__:
        assert getattr(dpaudit, name) is not None
    with pytest.raises(AttributeError):
        _ = dpaudit.nothing_of_this_name


def test_audit_stays_a_function():
    """Importing the modules below must not put a module in the function's place."""
    script = "import dpaudit.auditing, dpaudit.cli.audit, dpaudit.exact.audit, dpaudit\n"
    script += "print(type(dpaudit.audit).__name__)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["function"]
