"""The Gaussian of chapter 4, as its page writes it, against the helper and SciPy."""

import ast
import json
from pathlib import Path

import numpy as np
from displayed import displayed_formulas
from scipy.optimize import curve_fit

from helpers import receptive_fields

CHAPTER = Path(__file__).parents[1] / "notebooks" / "04_receptive_fields.ipynb"
PLACE = np.indices((10, 10)).reshape(2, 100)


def function_of_the_chapter(name):
    """Take one function out of the chapter, without running the rest."""
    cells = json.loads(CHAPTER.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        if cell["cell_type"] == "code":
            for node in ast.parse("".join(cell["source"])).body:
                if isinstance(node, ast.FunctionDef) and node.name == name:
                    namespace = {"np": np}
                    exec(compile(ast.Module([node], []), name, "exec"), namespace)
                    return namespace[name]
    raise AssertionError(f"chapter 4 defines no function {name}")


def test_the_page_displays_this_gaussian_and_no_other_formula():
    gaussian = r"g(r, c) = \exp\left(-\frac{(r - r_0)^2 + (c - c_0)^2}{2 \sigma^2}\right)"
    assert displayed_formulas("04_receptive_fields") == {"fields-gaussian": gaussian}


def test_the_chapters_gaussian_equals_the_formula_and_the_helper():
    """At centres inside and outside the image; height and level stretch and lift it."""
    gaussian = function_of_the_chapter("gaussian")
    rng = np.random.default_rng(0)
    centre, size = rng.uniform(-1.5, 10.5, (50, 2)), rng.uniform(0.4, 5, 50)
    sampled = receptive_fields.sample_gaussians(centre, size)
    r, c = PLACE
    for (r0, c0), sigma, helpers_own in zip(centre, size, sampled, strict=True):
        formula = np.exp(-((r - r0) ** 2 + (c - c0) ** 2) / (2 * sigma**2))
        plain = gaussian(PLACE, 1, r0, c0, sigma, 0)
        np.testing.assert_allclose(plain, formula, rtol=0, atol=1e-12)
        np.testing.assert_allclose(helpers_own, formula, rtol=0, atol=1e-12)
        lifted = gaussian(PLACE, 3, r0, c0, sigma, -2)
        np.testing.assert_allclose(lifted, 3 * formula - 2, rtol=0, atol=1e-12)


def test_curve_fit_and_the_helper_find_the_same_gaussian():
    """Within a step of the helper's grid, where the picture is clear."""
    gaussian = function_of_the_chapter("gaussian")
    rng = np.random.default_rng(1)
    centre, size = rng.uniform(1, 8, (20, 2)), rng.uniform(0.7, 2, 20)
    weights = np.array(
        [gaussian(PLACE, 0.5, *c, s, 0.1) for c, s in zip(centre, size, strict=True)]
    )
    weights += 0.01 * rng.normal(size=weights.shape)
    fits = receptive_fields.fit_gaussians(weights)
    for voxel, row in enumerate(weights):
        strongest = np.unravel_index(row.argmax(), (10, 10))
        best, _ = curve_fit(gaussian, PLACE, row, p0=[row.max(), *strongest, 1, 0])
        np.testing.assert_allclose(best[1:3], centre[voxel], rtol=0, atol=0.1)
        np.testing.assert_allclose(fits.centre[voxel], best[1:3], rtol=0, atol=0.26)
        np.testing.assert_allclose(fits.size[voxel], best[3], rtol=0.3)
        match = np.corrcoef(row, gaussian(PLACE, *best))[0, 1]
        assert match - 0.03 < fits.match[voxel] < match + 0.001
