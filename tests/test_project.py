"""What stands around the book holds together: lock, licences, citation, Binder, workflows."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
CONTRIBUTING = ".github/CONTRIBUTING.md"
# Where a package's import differs from its name.
IMPORTED_AS = {"scikit-learn": "sklearn", "ipython": "IPython", "pillow": "PIL"}
OPTIONAL = {"dask", "distributed", "bids"}  # the extras "dask" and "bids"


def _read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def _project():
    return tomllib.loads(_read("pyproject.toml"))["project"]


def _lines_of_lock():
    lines = [line.strip() for line in _read("requirements.txt").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _pins():
    return [Requirement(line) for line in _lines_of_lock() if not line.startswith("-")]


def _workflows():
    return {p.name: p.read_text(encoding="utf-8") for p in (ROOT / ".github/workflows").iterdir()}


def _targets():
    return set(re.findall(r"^([a-z-]+):.*##", _read("Makefile"), flags=re.MULTILINE))


# ---- the root


def _tracked():
    """Paths of all that Git tracks here, relative to the root."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("this is no clone, or there is no Git: what is tracked is not known")
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, encoding="utf-8"
    )
    if listing.returncode:
        pytest.skip(f"Git does not list this folder: {listing.stderr.strip()}")
    return [path for path in listing.stdout.split("\0") if path]


def test_root_shows_the_book():
    entries = {path.split("/")[0] for path in _tracked()}
    book = {"_config.yml", "_toc.yml", "notebooks", "helpers", "requirements.txt", "tests"}
    assert book <= entries
    assert len(entries) <= 18, sorted(entries)


# ---- the lock


def test_lock_installs_the_helpers_and_pins_everything_else():
    others = [line for line in _lines_of_lock() if line.startswith("-")]
    assert others == ["-e ."]
    for pin in _pins():
        assert [s.operator for s in pin.specifier] == ["=="], str(pin)
        assert "*" not in str(pin.specifier), str(pin)
        assert pin.url is None, str(pin)


@pytest.mark.parametrize("python", ["3.11.9", "3.12.5", "3.13.1"])
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_lock_holds_one_version_of_each_package_that_the_loose_list_asks_for(python, system):
    project = _project()
    loose = project["dependencies"] + [
        line for extra in project["optional-dependencies"].values() for line in extra
    ]
    environment = {
        "python_full_version": python,
        "python_version": python.rsplit(".", maxsplit=1)[0],
        "sys_platform": system,
        "os_name": "nt" if system == "win32" else "posix",
    }
    pinned = {}
    for pin in _pins():
        if pin.marker is None or pin.marker.evaluate(environment):
            name = canonicalize_name(pin.name)
            assert name not in pinned, f"{name} is pinned twice for {python} on {system}"
            pinned[name] = next(iter(pin.specifier)).version
    for wish in map(Requirement, loose):
        assert pinned[canonicalize_name(wish.name)] in wish.specifier, str(wish)


def test_lock_names_no_host_and_no_folder():
    assert not re.search(r"/|index-url|find-links| @ ", "\n".join(_lines_of_lock()))


def _imports(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module


def _code_of_notebook(path):
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            yield "".join(cell["source"])


def test_loose_list_is_what_helpers_and_notebooks_import():
    sources = [p.read_text(encoding="utf-8") for p in (ROOT / "helpers").rglob("*.py")]
    for folder in ("notebooks", "pages"):
        for path in (ROOT / folder).glob("*.ipynb"):
            sources.extend(_code_of_notebook(path))
    imported = {name.split(".")[0] for source in sources for name in _imports(source)}
    imported -= {*sys.stdlib_module_names, "helpers", *OPTIONAL}
    names = [Requirement(line).name for line in _project()["dependencies"]]
    assert imported == {IMPORTED_AS.get(name, name) for name in names}


# ---- Binder


def test_binder_gets_the_oldest_python_that_the_book_supports():
    assert _read(".binder/runtime.txt").strip() == "python-3.11"
    assert _project()["requires-python"] == ">=3.11"


def test_binder_installs_the_lock_with_the_helpers_of_the_repository_and_makes_the_twin():
    from helpers import twin

    # Binder reads this folder and ignores what the root has.
    files = {path.name for path in (ROOT / ".binder").iterdir()}
    assert {"postBuild", "requirements.txt", "runtime.txt"} <= files
    # pip looks for the file beside this one, and for "-e ." in the folder in which it runs.
    lines = _read(".binder/requirements.txt").splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["-r ../requirements.txt"]

    script = _read(".binder/postBuild")
    assert re.findall(r"^python .*$", script, re.MULTILINE) == [
        f"python -m {twin.__name__}",
    ]
    assert callable(twin.main)
    assert script.startswith("#!") and "\r" not in script
    assert os.name == "nt" or os.access(ROOT / ".binder" / "postBuild", os.X_OK)


# ---- commands and workflows


@pytest.mark.parametrize("name", ["README.md", CONTRIBUTING, ".ci/run"])
def test_named_targets_exist(name):
    named = set(re.findall(r"`make ([a-z-]+)|^make ([a-z-]+)", _read(name), re.MULTILINE))
    assert {first or second for first, second in named} <= _targets()


def test_workflows_call_what_exists():
    workflows = _workflows()
    assert set(workflows) == {"test.yml", "publish.yml", "weekly.yml"}
    for name, text in workflows.items():
        jobs = yaml.safe_load(text)["jobs"]
        runs = "\n".join(step.get("run", "") for job in jobs.values() for step in job["steps"])
        assert set(re.findall(r"^make ([a-z-]+)", runs, re.MULTILINE)) <= _targets(), name
        for file in re.findall(r"(?:python3?|bash) ([\w./]+\.py|\.ci/run)", runs):
            assert (ROOT / file).is_file(), f"{name} runs {file}"


def test_workflows_cover_the_systems_and_versions_that_the_book_supports():
    matrix = yaml.safe_load(_workflows()["test.yml"])["jobs"]["test"]["strategy"]["matrix"]
    runs = {(matrix["system"][0], python) for python in matrix["python"]}
    runs |= {(run["system"], run["python"]) for run in matrix["include"]}
    newest = {(f"{system}-latest", "3.13") for system in ("ubuntu", "macos", "windows")}
    assert runs == newest | {("ubuntu-latest", "3.11"), ("ubuntu-latest", "3.12")}


def test_weekly_run_does_not_use_the_lock():
    assert "requirements.txt" not in _workflows()["weekly.yml"]
    assert 'INSTALL: "--editable .[bids,book,dask,test]"' in _workflows()["weekly.yml"]
    assert "pip install --quiet --no-compile $(INSTALL)" in _read("Makefile")


# ---- citing and licences


def test_citation_names_the_book_and_invents_nobody():
    citation = yaml.safe_load(_read("pages/CITATION.cff"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["title"] == yaml.safe_load(_read("_config.yml"))["title"]
    assert str(citation["version"]) == _project()["version"]
    assert citation["message"]
    assert [set(author) for author in citation["authors"]] == [{"name"}]
    assert "doi" not in citation
    assert _project()["license"] == citation["license"] == "BSD-3-Clause"


def test_licences_are_whole():
    assert "Redistribution and use in source and binary forms" in _read("LICENSE")
    text = _read("pages/LICENSE-TEXT")
    assert "Creative Commons Attribution 4.0 International Public License" in text
    sections = re.findall(r"^Section (\d) -- ", text, re.MULTILINE)
    assert sections == list("12345678")


def test_readme_links_to_files_that_exist():
    for name in ("README.md", CONTRIBUTING):
        links = re.findall(r"\]\((?!https?:)([^)#]+)\)", _read(name))
        assert links or name != "README.md"
        missing = [link for link in links if not (ROOT / name).parent.joinpath(link).exists()]
        assert missing == [], name
