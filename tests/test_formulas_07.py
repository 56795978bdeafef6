"""The formulas of What the score hides, beside what the helpers give."""

import numpy as np
import pytest
from displayed import displayed_formulas
from small_recordings import runs_and_regressor

from helpers import ridge
from helpers.ridge import partition

FORMULAS = {
    "hides-parts": r"\begin{aligned} R^2_{\text{unique, pixels}} &= R^2_{\text{both}} - "
    r"R^2_{\text{stimulus}} \\ R^2_{\text{unique, stimulus}} &= R^2_{\text{both}} - "
    r"R^2_{\text{pixels}} \\ R^2_{\text{shared}} &= R^2_{\text{pixels}} + "
    r"R^2_{\text{stimulus}} - R^2_{\text{both}} \end{aligned}",
}


def test_the_chapter_displays_the_formulas_that_are_tested_here():
    assert displayed_formulas("07_what_the_score_hides") == FORMULAS


@pytest.fixture(scope="module")
def data():
    return runs_and_regressor()


def test_parts_are_differences_of_nested_scores(data):
    X, on, Y, runs = data
    alphas = (1.0, 100.0)
    tables = {"both": np.hstack([X, on]), "pixels": X, "stimulus": on}
    r2 = {
        name: ridge.nested_scores(t, Y, groups=runs, alphas=alphas, cv=3)
        for name, t in tables.items()
    }
    parts = partition(X, on, Y, groups=runs, alphas=alphas, cv=3)
    np.testing.assert_allclose(parts.only_first, r2["both"] - r2["stimulus"], atol=1e-12)
    np.testing.assert_allclose(parts.only_second, r2["both"] - r2["pixels"], atol=1e-12)
    np.testing.assert_allclose(parts.shared, r2["pixels"] + r2["stimulus"] - r2["both"], atol=1e-12)
