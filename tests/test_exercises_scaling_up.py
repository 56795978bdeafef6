"""What the checks of chapter 13's exercises say to wrong answers."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from helpers.exercises import scaling_up


@pytest.fixture(scope="module")
def brain(tmp_path_factory):
    """A file of 2,500 voxels, and its scores by scikit-learn: two blocks of 1,000 and a half."""
    rng = np.random.default_rng(1)
    runs = np.repeat(np.arange(10), 6)
    X, Y = rng.normal(size=(60, 4)), rng.normal(size=(60, 2500))
    file, alphas = tmp_path_factory.mktemp("brain") / "brain.npy", np.array([1.0, 100.0])
    np.save(file, Y)
    scores = np.zeros((2, 2500))
    for number, alpha in enumerate(alphas):
        for run in range(10):
            test = runs == run
            guess = Ridge(alpha=alpha).fit(X[~test], Y[~test]).predict(X[test])
            scores[number] += r2_score(Y[test], guess, multioutput="raw_values") / 10
    return (None, X, file, runs, alphas, 10), scores


def test_smaller_blocks(brain, capsys):
    inputs, scores = brain
    half_done = np.where(np.arange(2500) < 2000, scores, np.nan)
    for answers, says in [
        ((scores, 3, 60_000, "refuses"), "right."),
        ((scores.astype(np.float32), 3, 60_000, "refuses"), "right."),
        ((None, 3, 60_000, "refuses"), "`scores_smaller` is still empty"),
        ((scores.max(axis=0), 3, 60_000, "refuses"), "has the shape (2500,)"),
        (
            (np.tile(scores.max(axis=0), (2, 1)), 3, 60_000, "refuses"),
            "How many penalties were scored?",
        ),
        ((scores[::-1], 3, 60_000, "refuses"), "in another order"),
        ((half_done, 3, 60_000, "refuses"), "no finite numbers"),
        ((scores + 0.1, 3, 60_000, "refuses"), "wrong in 5000 of 5000"),
        ((scores, 1, 60_000, "refuses"), "the number in the old folder"),
        ((scores, 1000, 60_000, "refuses"), "the number of voxels in a block"),
        ((scores, 2, 60_000, "refuses"), "too small"),
        ((scores, 3, 1000, "refuses"), "counts the voxels of a block"),
        ((scores, 3, 150_000, "refuses"), "the whole file"),
        ((scores, 3, 60 * 4096, "refuses"), "a block of the old folder"),
        ((scores, 3, 4000, "refuses"), "features or responses"),
        ((scores, 3, 2000, "refuses"), "come out of a block"),
        ((scores, 3, 240_000, "refuses"), "those are bytes"),
        ((scores, 3, 60_000, "returns"), "blocks of another size"),
        ((scores, 3, 60_000, "starts again"), "would be lost"),
        ((scores, 3, 60_000, True), "should be one of"),
    ]:
        scaling_up.check_1(*answers, inputs, SimpleNamespace(scores=scores))
        assert says in capsys.readouterr().out
    # The chapter's scores may have been overwritten by other ones.
    scaling_up.check_1(scores + 1, 3, 60_000, "refuses", inputs, SimpleNamespace(scores=scores + 1))
    assert "wrong in" in capsys.readouterr().out


RESULTS = {"limits": [{"id": "permutations-seconds", "value": 20.0}]}


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        # 1,000 voxels: p of 1 in 20,000, which take 400 s and 20,000 x 1,000 x 4 bytes.
        ((19_999, 400 / 3600, 0.08), "right."),
        ((20_000, 0.11, 0.08), "right."),
        ((..., 0.11, 0.08), "`needed` is still empty"),
        ((19, 0.11, 0.08), "enough for one voxel"),
        ((1000, 0.11, 0.08), "Where does the 0.05 come in?"),
        ((50, 0.11, 0.08), "without a correction"),
        ((0.00005, 0.11, 0.08), "that is the P"),
        ((10_000, 0.11, 0.08), "too small"),
        ((19_999, 400, 0.08), "those are seconds"),
        ((19_999, 6.67, 0.08), "those are minutes"),
        ((19_999, 111, 0.08), "How long does one take?"),
        ((19_999, 0.5, 0.08), "too large"),
        ((19_999, 0.11, 0.02), "one byte per number"),
        ((19_999, 0.11, 0.16), "8 bytes per number"),
        ((19_999, 0.11, 0.0745), "2^30 bytes"),
        ((19_999, 0.11, 8e7), "those are bytes"),
        ((19_999, 0.11, 80), "those are megabytes"),
        ((19_999, 0.11, np.nan), "no finite number"),
    ],
)
def test_permutations(capsys, answers, says):
    scaling_up.check_2(*answers, np.zeros((3, 1000)), RESULTS)
    assert says in capsys.readouterr().out
