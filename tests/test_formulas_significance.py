"""The formula that chapter 9 displays, beside what the helper gives."""

import numpy as np
from displayed import displayed_formulas

from helpers.inference import p_values

FORMULAS = {
    "significance-p": r"P = \frac{1 + \text{number of permutations with a score of at least } R^2}"
    r"{1 + \text{number of permutations}}",
}


def test_the_chapter_displays_the_formula_that_is_tested_here():
    assert displayed_formulas("09_significance") == FORMULAS


def test_p_counts_permutations_that_reach_the_score():
    rng = np.random.default_rng(0)
    null, scores = rng.normal(size=(30, 8)), rng.normal(size=8)
    reached = [sum(null[row, voxel] >= scores[voxel] for row in range(30)) for voxel in range(8)]
    np.testing.assert_allclose(p_values(null, scores), (1 + np.array(reached)) / (1 + 30))
