"""The formulas of chapter 4, as its page writes them, against the helpers and scikit-learn."""

import ast
import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import Lasso

from helpers import receptive_fields

CHAPTER = Path(__file__).parents[1] / "notebooks" / "04_receptive_fields.ipynb"


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


def blocks(n_voxels, noise, seed=0):
    """Random images and rest in 10 runs, and voxels that look at two or three pixels."""
    rng = np.random.default_rng(seed)
    X = np.full((10, 8, 6, 100), -1.0)
    X[:, :, :3] = rng.random((10, 8, 1, 100)) < 0.5
    X, runs = X.reshape(-1, 100), np.repeat(np.arange(10), 48)
    weights = np.zeros((n_voxels, 100))
    for voxel in range(n_voxels):
        weights[voxel, rng.choice(100, 2 + voxel % 2, replace=False)] = 1
    return X, X @ weights.T + noise * rng.normal(size=(len(X), n_voxels)), runs


def test_the_chapters_gaussian_equals_the_helpers():
    """Both evaluate the formula of the page, at centres inside and outside the image."""
    gaussian = function_of_the_chapter("gaussian")
    rng = np.random.default_rng(0)
    centre, size = rng.uniform(-1.5, 10.5, (50, 2)), rng.uniform(0.4, 5, 50)
    expected = [gaussian(*c, s) for c, s in zip(centre, size, strict=True)]
    sampled = receptive_fields.sample_gaussians(centre, size)
    np.testing.assert_allclose(sampled, expected, rtol=0, atol=1e-12)


def test_no_gaussian_of_the_chapters_search_beats_the_helper():
    """The chapter's coarse grid lies within the reach of the helper's finer one."""
    gaussian = function_of_the_chapter("gaussian")
    rng = np.random.default_rng(1)
    centre, size = rng.uniform(0, 9, (20, 2)), rng.uniform(0.5, 2, 20)
    weights = np.array([gaussian(*c, s) for c, s in zip(centre, size, strict=True)])
    weights += 0.2 * rng.normal(size=weights.shape)
    fits = receptive_fields.fit_gaussians(weights)
    for voxel, row in enumerate(weights):
        coarse = [
            np.corrcoef(row, gaussian(r0, c0, s))[0, 1]
            for r0 in range(10)
            for c0 in range(10)
            for s in (0.5, 1, 2)
        ]
        assert fits.match[voxel] >= max(coarse) - 0.005  # sizes of the two grids differ a little
        best = gaussian(*fits.centre[voxel], fits.size[voxel])
        np.testing.assert_allclose(fits.match[voxel], np.corrcoef(row, best)[0, 1], atol=1e-12)


def test_lasso_weights_minimise_the_objective_of_the_page():
    """Where |y - Xw - b|^2 / (2n) + alpha * sum |w| is least, its slopes say what alpha is.

    Each weight other than 0 then has the slope alpha, with its sign, and no other slope is larger.
    scikit-learn's coordinate descent, another algorithm, finds the same weights at this alpha.
    """
    X, Y, runs = blocks(4, noise=1.0)
    fields = receptive_fields.LassoLarsCV(max_iter=10, cv=5).fit(X, Y, groups=runs).coef_
    Xc, Yc = X - X.mean(axis=0), Y - Y.mean(axis=0)
    for y, w in zip(Yc.T, fields, strict=True):
        slopes = Xc.T @ (y - Xc @ w) / len(y)
        alpha = np.abs(slopes).max()
        active = w != 0
        assert 2 <= active.sum() <= 10
        np.testing.assert_allclose(slopes[active], alpha * np.sign(w[active]), rtol=1e-6)
        descent = Lasso(alpha=alpha, tol=1e-12, max_iter=100_000).fit(Xc, y).coef_
        np.testing.assert_allclose(w, descent, rtol=0, atol=1e-5)
