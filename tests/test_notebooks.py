"""The notebooks and pages can be trusted: every check, run on the book.

That each check finds its fault is shown in test_notebook_checks.py.
"""

from pathlib import Path

import copy_checks
import notebook_checks
import output_checks
import prose_checks
import pytest
from notebook_checks import read_cells, stored_otherwise

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = [
    "01_loading",
    "02_ridge_encoding",
    "03_brain_mapping",
    "04_receptive_fields",
    "05_population_receptive_fields",
    "06_recovering_the_truth",
    "07_what_the_score_hides",
    "08_time_and_delays",
    "09_significance",
    "10_noise_ceiling",
    "11_identification",
    "12_reconstruction",
    "13_scaling_up",
]
EXECUTED_PAGES = [
    "about_the_twin",
    "other_data",
    "what_depends_on_the_simulator",
    "your_own_data",
]
STORED_PAGE = ROOT / "pages" / "real_brain.ipynb"  # needs a download, and keeps its images
# The chapters that must be there are tested even when they are not, and then fail.
EXPECTED = [ROOT / "notebooks" / f"{chapter}.ipynb" for chapter in CHAPTERS]
EXPECTED += [ROOT / "pages" / f"{page}.ipynb" for page in EXECUTED_PAGES]
NOTEBOOKS = sorted({*EXPECTED, *ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("pages/*.ipynb")})
TEXT_PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("pages/*.md")])

# Checks that need nothing but the cells of one notebook.
CHECKS = [
    notebook_checks.title_missing,
    notebook_checks.not_python,
    notebook_checks.long_cells,
    notebook_checks.trailing_semicolons,
    notebook_checks.escapes,
    notebook_checks.clock_readers,
    notebook_checks.bare_columns,
    output_checks.not_run,
    output_checks.stderr,
    output_checks.stored_images,
    output_checks.object_reprs,
    output_checks.wordless_displays,
    output_checks.paths_and_times,
    output_checks.figures_without_alt,
    prose_checks.banned_words,
    prose_checks.broken_exercises,
    prose_checks.captions_missing,
]


def name(item):
    return item.stem if isinstance(item, Path) else item.__name__


def report(findings):
    """A message with one finding a line."""
    return "\n".join(["", *findings])


def in_the_book(paths=None):
    return {path: read_cells(path, ROOT) for path in paths or [*NOTEBOOKS, *TEXT_PAGES]}


@pytest.mark.parametrize("check", CHECKS, ids=name)
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name)
def test_notebook(notebook, check):
    findings = check(read_cells(notebook, ROOT))
    if notebook == STORED_PAGE and check is output_checks.stored_images:
        n_figures = notebook.read_text(encoding="utf-8").count('"<Figure size')
        assert len(findings) == n_figures > 3
        return
    assert not findings, report(findings)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name)
def test_figures_name_their_source(notebook):
    labelling = copy_checks.labelling_helpers(ROOT / "helpers")
    findings = output_checks.figures_without_source(read_cells(notebook, ROOT), labelling)
    assert not findings, report(findings)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name)
def test_notebook_is_stored_in_the_one_form(notebook):
    findings = stored_otherwise(notebook, ROOT)
    assert not findings, report(findings)


@pytest.mark.parametrize(
    "notebook", [n for n in NOTEBOOKS if n.parent.name == "notebooks"], ids=name
)
def test_chapter_has_an_exercise(notebook):
    findings = prose_checks.exercise_missing(read_cells(notebook, ROOT))
    assert not findings, report(findings)


@pytest.mark.parametrize("page", TEXT_PAGES, ids=name)
@pytest.mark.parametrize(
    "check", [prose_checks.banned_words, prose_checks.broken_exercises], ids=name
)
def test_text_page(page, check):
    findings = check(read_cells(page, ROOT))
    assert not findings, report(findings)


def test_links_citations_and_terms():
    pages = in_the_book()
    cells = [cell for page in pages.values() for cell in page]
    findings = prose_checks.dead_links(pages, ROOT)
    findings += prose_checks.dead_citations(cells, ROOT / "pages" / "references.bib")
    findings += prose_checks.dead_terms(cells, ROOT / "pages" / "glossary.md")
    assert not findings, report(findings)


def test_nothing_is_copied_and_every_helper_is_used():
    pages = list(in_the_book(NOTEBOOKS).values())
    findings = copy_checks.repeated_alts(pages)
    findings += copy_checks.copied_code(pages)
    assignments = [
        read_cells(path, ROOT) for path in ROOT.glob("tools/coursework/source/*/*.ipynb")
    ]
    findings += copy_checks.unused_helpers(ROOT / "helpers", pages + assignments)
    assert not findings, report(findings)
