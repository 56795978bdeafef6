"""Small arrays for the explorers, with all that can differ: a hole, NaN, no area, markup."""

import numpy as np


def make_mask():
    mask = np.zeros((12, 10, 4), dtype=bool)
    mask[3:9, 2:8, 1:3] = True
    mask[5, 5, 1] = False  # a hole
    return mask


def make_fields():
    """Arguments of explore_fields; two voxels have no score, one of them the first."""
    rng = np.random.default_rng(6)
    mask = make_mask()
    n = int(mask.sum())
    scores = rng.uniform(-0.1, 0.64, n)
    scores[[0, 3]] = np.nan
    columns = np.flatnonzero(scores > 0.3)
    return {
        "mask": mask,
        "background": rng.uniform(size=mask.shape),
        "scores": scores,
        "weights": rng.normal(size=(len(columns), 100)) * rng.uniform(0.01, 2, (len(columns), 1)),
        "columns": columns,
        "areas": ["LH V1d"] * (n - 1) + [""],
        "source": "twin",
        "true_weights": rng.uniform(size=(len(columns), 100)),
        "ceiling": rng.uniform(0.7, 0.9, n),
    }


def make_gaussians():
    """Population receptive fields of these voxels: every third has none, one lies outside."""
    fields = make_fields()
    n = len(fields["columns"])
    rng = np.random.default_rng(9)
    centres, sizes = rng.uniform(0, 9, (n, 2)), rng.uniform(0.4, 3, n)
    centres[::3], sizes[::3] = np.nan, np.nan
    centres[1], sizes[1] = [-0.75, 9.8], 2
    best = np.nanargmax(fields["scores"][fields["columns"]])
    centres[best], sizes[best] = [4, 1.5], 0.625
    return {"centres": centres, "sizes": sizes}


def make_penalties():
    """Arguments of explore_penalties: 20 penalties, two voxels."""
    rng = np.random.default_rng(7)
    mask = make_mask()
    n_volumes, n = 30, int(mask.sum())
    return {
        "mask": mask,
        "background": rng.uniform(size=mask.shape),
        "penalties": 10 ** (np.arange(20) / 3),
        "scores": rng.uniform(-0.05, 0.6, (20, n)),
        "voxels": {"the best": 4, "<b>the poorest</b>": 60},
        "weights": rng.normal(size=(20, 2, 100)),
        "measured": rng.normal(size=(n_volumes, 2)),
        "predicted": rng.normal(size=(20, n_volumes, 2)),
        "is_on": np.arange(n_volumes) % 6 > 2,
        "tr": 2.0,
        "source": "twin",
        "start": 6,
    }
