"""The import rules of the design, held by reading the source: nothing is imported here but what is being tested."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "eyechart").rglob("*.py"))
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in SOURCES}

ROOMS = (
    "errors", "digest", "progress", "entries",
    "store", "miniature", "measures", "images", "checkpoints", "recordings", "zoo", "predict", "judge",
    "claims", "views", "reports", "miniature.training", "commands",
)  # fmt: skip
"""Lowest first: a module imports only from its own room, and from rooms that stand before it."""

OUTSIDE = {"", "__main__"}
"""The package itself, and the command's other name."""

MODEL_LIBRARIES = {"torch", "torchvision", "timm", "open_clip", "safetensors", "sklearn"}
ALLOWED_IN_BEHAVIORS = {"eyechart.claims", "eyechart.measures", "eyechart.views"}


def imports(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Every module that the statements of a tree import, as absolute names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that a reader sees where a name comes from"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole if whole in MODULES else str(node.module)), node


def at_import_time(tree: ast.Module) -> ast.Module:
    """The statements that run when a module is imported: neither inside functions nor for a type checker only."""

    class Strip(ast.NodeTransformer):
        def visit_FunctionDef(self, node):  # ast's protocol
            return None

        visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815  # same

        def visit_If(self, node):  # same
            return None if ast.unparse(node.test) == "TYPE_CHECKING" else self.generic_visit(node)

    return Strip().visit(ast.parse(ast.unparse(tree)))


def room(module: str) -> str:
    """`eyechart.images.readers.folder` → `images`; the training of the miniature is a room of its own."""
    parts = module.split(".")[1:]
    return ".".join(parts[:2] if parts[:2] == ["miniature", "training"] else parts[:1])


def tree_of(module: str) -> ast.Module:
    """Source of a module, parsed."""
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def test_every_module_has_its_room():
    """A new room is put somewhere in the flow on purpose (the package itself stands outside it)."""
    assert {room(module) for module in MODULES} - OUTSIDE == set(ROOMS)


@pytest.mark.parametrize("module", sorted(module for module in MODULES if room(module) not in OUTSIDE))
def test_a_module_imports_only_from_rooms_before_its_own(module: str):
    """A module knows nothing of what comes after it in the flow, inside its functions and for its types too."""
    mine = ROOMS.index(room(module))
    for name, node in imports(tree_of(module)):
        if name.partition(".")[0] == "eyechart" and room(name):
            assert ROOMS.index(room(name)) <= mine, f"{module}:{node.lineno} imports {name}, which comes later"


def test_no_modules_import_each_other_in_circles():
    """Whatever a module imports, directly or not, does not import that module back: for its types neither."""
    graph = {m: {n for n, _ in imports(tree_of(m)) if n in MODULES and n != m} for m in MODULES}

    def reached(start: str) -> set[str]:
        modules, todo = set(), [start]
        while todo:
            for name in graph[todo.pop()] - modules:
                modules.add(name)
                todo.append(name)
        return modules

    # measures/__init__ and its intervals are faces: a face and its modules are one noun, imported together
    circles = {m for m in graph if m in reached(m)}
    assert not {m for m in circles if room(m) != "measures"}, circles


@pytest.mark.parametrize("module", sorted(MODULES))
def test_the_library_does_not_know_pytest(module: str):
    """Behaviors can be judged without pytest: only conftest.py and fixtures/ know it."""
    names = {name.partition(".")[0] for name, _ in imports(tree_of(module))}
    assert not names & {"pytest", "_pytest", "xdist", "allure", "allure_commons", "fixtures", "tests", "conftest"}


def test_the_wiring_has_one_name():
    """A clone imports it as an installed package does: a module of two names would be there twice."""
    for path in [ROOT / "conftest.py", *(ROOT / "fixtures").glob("*.py"), *(ROOT / "tests").glob("*.py")]:
        names = {name.partition(".")[0] for name, _ in imports(ast.parse(path.read_text(encoding="utf-8")))}
        assert not names & {"fixtures", "behaviors"}, f"{path.name}: it is eyechart.fixtures everywhere"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_model_libraries_are_imported_in_sources_and_inside_functions_only(module: str):
    """Collecting and judging import neither torch nor timm nor open_clip, because no module they import does."""
    trains = room(module) == "miniature.training"
    everywhere = {name.partition(".")[0] for name, _ in imports(tree_of(module))} & MODEL_LIBRARIES
    at_once = {name.partition(".")[0] for name, _ in imports(at_import_time(tree_of(module)))} & MODEL_LIBRARIES
    loads = module in ("eyechart.predict.feeding", "eyechart.predict.probes")
    if room(module) != "checkpoints" and not loads and not trains:
        assert not everywhere, f"{module} imports {everywhere}"
    if not trains:
        assert not at_once, f"{module} imports {at_once} when it is imported"


@pytest.mark.parametrize("path", sorted((ROOT / "behaviors").glob("*.py")), ids=lambda path: path.stem)
def test_behaviors_read_as_claims(path: Path):
    """A behavior needs no more than the words for claims, measures and views; each is a sentence."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    foreign = {name for name, _ in imports(tree)} - ALLOWED_IN_BEHAVIORS
    assert not {name for name in foreign if not name.startswith("eyechart.measures.")}
    assert ast.get_docstring(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert ast.get_docstring(node), f"{path.name}:{node.lineno} {node.name} says nothing"


@pytest.mark.parametrize(
    "path",
    sorted(p for folder in ("eyechart", "fixtures", "behaviors", "tests") for p in (ROOT / folder).rglob("*.py")),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_files_are_small(path: Path):
    """A file is read in one sitting: 350 lines at most."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 350


@pytest.mark.parametrize("module", sorted(MODULES))
def test_public_names_are_explained(module: str):
    """Every module, public class and public function says what it is."""
    tree = tree_of(module)
    assert ast.get_docstring(tree), f"{module} says nothing"
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for node in [*tree.body, *(member for each in classes for member in each.body)]:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{module}:{node.lineno} {node.name} says nothing"
