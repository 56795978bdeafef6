"""The formula that "Going further: thousands of tests" displays, beside what SciPy gives."""

import numpy as np
from displayed import displayed_formulas
from scipy.stats import false_discovery_control

FORMULAS = {"significance-q": r"q_{(i)} = \min_{k \ge i} \; \frac{v}{k} \, P_{(k)}"}


def test_the_page_displays_the_formula_that_is_tested_here():
    assert displayed_formulas("further_many_tests") == FORMULAS


def test_q_is_the_smallest_of_the_larger_p_times_v_over_k():
    P = np.sort(np.random.default_rng(1).random(50) ** 2)
    v = len(P)
    q = [min(v / k * P[k - 1] for k in range(i, v + 1)) for i in range(1, v + 1)]
    np.testing.assert_allclose(false_discovery_control(P), np.minimum(q, 1))
