"""The house: ten modules to read, folders beneath, and imports that run downwards."""

import ast
import importlib
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
HELPERS = ROOT / "helpers"
ROOMS = [
    "data",
    "decoding",
    "explorers",
    "features",
    "inference",
    "plotting",
    "receptive_fields",
    "ridge",
    "scaling",
    "twin",
]
FOLDERS = {"_engine", "_explorers", "_files", "_twin", "exercises"}
READERS = [
    *ROOT.glob("notebooks/*.ipynb"),
    *ROOT.glob("pages/*.ipynb"),
    *ROOT.glob("tools/coursework/source/*/*.ipynb"),
]


def name_of(path):
    """The dotted name of a module in a folder called helpers."""
    parts = path.with_suffix("").parts
    parts = parts[parts.index("helpers") :]
    return ".".join(part for part in parts if part != "__init__")


def imports(source, modules):
    """Names among `modules` that a source imports, from any place in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inside & modules) or {node.module}
    return found & modules


def graph(folder):
    """What each module of the helpers in a folder imports."""
    paths = {name_of(path): path for path in Path(folder).rglob("*.py")}
    names = set(paths)
    return {name: imports(path.read_text("utf-8"), names) for name, path in paths.items()}


def circles(edges):
    """Modules that can be reached from themselves."""

    def reached(start):
        seen, to_do = set(), [start]
        while to_do:
            for name in edges[to_do.pop()] - seen:
                seen.add(name)
                to_do.append(name)
        return seen

    return sorted(name for name in edges if name in reached(name))


# Pictures stand below what moves in a page, which draws them for readers without scripts.
FLOORS = {"_engine": 0, "_files": 1, "_twin": 2, "plotting": 3, "_explorers": 4, "exercises": 6}
ROOM = 5


def upward(edges):
    """Imports that run from a floor to one above it."""

    def floor(name):
        return FLOORS.get(name.removeprefix("helpers.").split(".")[0], ROOM)

    return sorted((a, b) for a, found in edges.items() for b in found if floor(b) > floor(a))


@pytest.fixture(scope="module")
def edges():
    return graph(HELPERS)


def test_a_reader_finds_ten_modules_and_five_folders():
    modules = {path.stem for path in HELPERS.glob("*.py")} - {"__init__"}
    assert modules == set(ROOMS)
    assert {path.parent.name for path in HELPERS.glob("*/__init__.py")} == FOLDERS


@pytest.mark.parametrize("room", ROOMS)
def test_public_names_are_there_and_documented(room):
    module = importlib.import_module(f"helpers.{room}")
    constants_first = sorted(module.__all__, key=lambda name: (not name.isupper(), name))
    assert module.__all__ == constants_first
    for name in module.__all__:
        assert getattr(module, name).__doc__ or not callable(getattr(module, name)), name


def test_imports_run_downwards(edges):
    assert upward(edges) == []


def test_no_module_needs_itself(edges):
    assert circles(edges) == []


def test_the_engine_knows_no_files(edges):
    engine = {name for name in edges if name.startswith("helpers._engine")}
    assert engine
    for name in engine:
        assert edges[name] <= engine, name


@pytest.mark.parametrize("path", READERS, ids=lambda path: path.stem)
def test_notebooks_use_what_a_reader_meets(path):
    cells = nbformat.read(path, as_version=4).cells
    code = "\n".join(
        cell.source for cell in cells if cell.cell_type == "code" and "%" not in cell.source[:1]
    )
    public = {f"helpers.{room}" for room in ROOMS}
    public |= {name_of(module) for module in (HELPERS / "exercises").glob("*.py")}
    used = {
        name
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("helpers")
        for name in (
            [f"helpers.{alias.name}" for alias in node.names]
            if node.module == "helpers"
            else [node.module]
        )
    }
    assert used - public - {"helpers.exercises"} == set()


def test_a_circle_and_an_import_upwards_are_found(tmp_path):
    house = tmp_path / "helpers"
    (house / "_engine").mkdir(parents=True)
    (house / "_engine" / "sums.py").write_text("from helpers import ridge\n", encoding="utf-8")
    (house / "ridge.py").write_text("from helpers._engine.sums import x\n", encoding="utf-8")
    (house / "data.py").write_text("import numpy\n", encoding="utf-8")
    edges = graph(house)
    assert circles(edges) == ["helpers._engine.sums", "helpers.ridge"]
    assert upward(edges) == [("helpers._engine.sums", "helpers.ridge")]
