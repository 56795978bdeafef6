"""What the answers of assignment C are judged by: receptive fields and decoding."""

# The words of a question say what its function judges.
# ruff: noqa: D103

import numpy as np

from helpers import receptive_fields

from . import expect, question
from .reading import alike, letters, number, ridge_model, table, texts

GOOD = 0.1  # R2 on held-out runs above which the assignment calls a voxel good


@question("c-1-test", points=3, words="The weights of the voxel with the highest score")
def field_of_the_best_voxel(given, truth, recording, rng):
    model = ridge_model(recording, truth["lag"])
    best = number(given.value("best"), "best")
    expect(
        best == int(best)
        and 0 <= best < len(model.best_score_)
        and model.best_score_[int(best)] > model.best_score_.max() - 1e-3,
        "best is not the voxel of your subject with the highest score.",
    )
    right = model.coef_[int(best)].reshape(10, 10)
    field = table(given.value("field"), "field", (10, 10))
    expect(
        not alike(field.T, right, atol=1e-3),
        "field is mirrored along the diagonal: pixel = 10 * row + column.",
    )
    expect(alike(field, right, atol=1e-3), "field does not hold the weights of this voxel.")


def hill(row, column, size):
    """Make a Gaussian hill, 1 at its centre."""
    rows, columns = np.mgrid[:10, :10]
    return np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * size**2))


@question("c-2-test", points=4, words="A round hill, as wide as it should be")
def gaussian_hill(given, truth, recording, rng):
    gaussian = given.function("gaussian")

    def made(*numbers):
        return table(gaussian(*numbers), "What gaussian returns", (10, 10))

    row, column = rng.permutation(np.arange(1, 9))[:2].tolist()
    top = np.unravel_index(made(row, column, 1.5).argmax(), (10, 10))
    case = f"With its centre in row {row} and column {column},"
    expect(top != (column, row), f"{case} row and column are exchanged.")
    expect(top == (row, column), f"{case} the hill has its top elsewhere.")
    size = float(rng.choice([1.2, 2.0, 2.6]))
    expect(
        alike(made(4, 4, size), hill(4, 4, size)),
        f"With a size of {size}, the hill is wrong at some distance from its centre: the size is "
        "its standard deviation.",
    )
    place = (-1.5, 7.25, float(rng.choice([0.8, 0.9])))
    expect(
        alike(made(*place), hill(*place)),
        "The hill is wrong where its centre is not whole, or outside the image.",
    )


@question("c-3-function", points=6, words="The Gaussian with the highest correlation")
def best_of_some_gaussians(given, truth, recording, rng):
    best_gaussian = given.function("best_gaussian")

    def found(weights, *grid):
        return table(best_gaussian(weights, *grid), "What best_gaussian returns").ravel()

    places = np.arange(0, 9.1, 0.5)
    grid = (places, places, (0.8, 1.6, 3.0))
    for size in (0.8, 1.6, 3.0):
        numbers = (*rng.choice(places[4:16], 2, replace=False).tolist(), size)
        planted = hill(*numbers).ravel()
        case = "With a Gaussian in row {}, column {} and of size {} as weights,".format(*numbers)
        expect(
            alike(found(planted, *grid), numbers),
            f"{case} another one is found. (Or it is found in another order than row, column, "
            "size.)",
        )
        for scale, added in ((1.0, 5.0), (0.01, -3.0)):
            expect(
                alike(found(scale * planted + added, *grid), numbers),
                f"{case} the answer changes when all weights are scaled or a constant is added: "
                "use the correlation.",
            )
    noisy = hill(5, 3, 1.4) + 0.3 * rng.standard_normal((10, 10))
    tried = [(r, c, s) for r in places[::2] for c in places[::2] for s in grid[2]]
    match = [np.corrcoef(noisy.ravel(), hill(*one).ravel())[0, 1] for one in tried]
    expect(
        alike(found(noisy.ravel(), places[::2], places[::2], grid[2]), tried[np.argmax(match)]),
        "With noisy weights, another Gaussian has a higher correlation.",
    )
    upside_down = -hill(4, 4, 1.0).ravel()
    expect(
        not alike(found(upside_down, [2, 4, 8], [2, 4, 8], [1.0]), (4, 4, 1)),
        "With weights below those around them, a hole is taken for a hill: the correlation has a "
        "sign.",
    )


@question("c-3-truth", points=4, words="Where your best voxel really looks")
def centre_of_the_best_voxel(given, truth, recording, rng):
    row, column = truth["centre"][ridge_model(recording, truth["lag"]).best_score_.argmax()]
    fit_row = number(given.value("fit_row"), "fit_row")
    fit_column = number(given.value("fit_column"), "fit_column")
    off = np.hypot(fit_row - row, fit_column - column)
    exchanged = np.hypot(fit_column - row, fit_row - column)
    expect(not exchanged < 0.8 < off, "Row and column are exchanged.")
    expect(off < 0.8, "The voxel really looks elsewhere.")


@question("c-4-test", points=4, words="Where all good voxels look")
def centres_of_good_voxels(given, truth, recording, rng):
    model = ridge_model(recording, truth["lag"])
    good = model.best_score_ > GOOD
    centres = table(given.value("centres"), "centres")
    expect(centres.shape == (good.sum(), 2), "These are not the good voxels of your subject.")
    off, mirrored, book = (
        np.median(np.hypot(*(places - truth["centre"][good]).T))
        for places in (
            centres,
            centres[:, ::-1],
            receptive_fields.fit_gaussians(model.coef_[good]).centre,
        )
    )
    expect(not mirrored < 0.5 * off, "Rows and columns are exchanged.")
    expect(
        off < book + 0.3,
        "Half of your centres lie farther from the truth than a fit of Gaussians to ridge "
        "weights gets.",
    )


@question("c-5-test", points=3, words="Which hemisphere sees which half")
def sides(given, truth, recording, rng):
    good = ridge_model(recording, truth["lag"]).best_score_ > GOOD
    answer = [side.upper() for side in texts(given.value("hemisphere"), "hemisphere")]
    expect(len(answer) == good.sum(), "These are not the good voxels of your subject.")
    expect(set(answer) <= {"LH", "RH"}, "hemisphere holds others than LH and RH.")
    agree = np.mean(np.array(answer) == truth["hemisphere"][good])
    expect(
        agree > 0.25,
        "Nearly all are on the wrong side: which half of the field does a hemisphere see?",
    )
    expect(agree > 0.8, f"{1 - agree:.0%} of your voxels lie in the other hemisphere.")


@question("c-6-test", points=5, words="The candidate with the highest correlation")
def identified_images(given, truth, recording, rng):
    identify = given.function("identify")
    predicted = rng.standard_normal((5, 30)) * [[1], [8], [1], [0.2], [1]]
    shown = rng.integers(0, 5, 40)
    measured = predicted[shown] / np.linalg.norm(predicted[shown], axis=1, keepdims=True) * 5
    measured = measured + 0.2 * rng.standard_normal(measured.shape) + rng.normal(0, 3, (40, 1))
    right = np.corrcoef(measured, predicted)[:40, 40:].argmax(axis=1)
    expect(
        alike(table(identify(measured, predicted), "What identify returns", (40,)), right),
        "Patterns of another strength or level are mixed up: use the correlation over voxels.",
    )
    single = table(identify(measured[:1], predicted), "What identify returns for one trial")
    expect(alike(single.ravel(), right[:1]), "A single trial does not work.")


@question("c-7-test", points=6, words="The secret letters")
def secret_letters(given, truth, recording, rng):
    shown = str(truth["letters"][2])
    answer = letters(given.value("secret_letters"), "secret_letters")
    expect(
        len(answer) == len(shown),
        f"secret_letters has {len(answer)} letters: expected one for each block.",
    )
    right = sum(a == b for a, b in zip(answer, shown, strict=True))
    expect(right >= 8, "Fewer than eight of the ten letters are right.")


@question("c-8-test", points=7, words="The image that fits best, and is not far from grey")
def reconstructed_images(given, truth, recording, rng):
    reconstruct = given.function("reconstruct")
    B, b, y = rng.standard_normal((5, 12)), rng.standard_normal(12), rng.standard_normal((2, 12))
    for penalty in (0.3, 10.0):
        inner = B @ B.T + penalty * np.eye(5)
        towards_black = np.linalg.solve(inner, B @ (y - b).T).T
        # The sum is smallest where its slope is zero.
        right = np.linalg.solve(inner, B @ (y - b).T + penalty * 0.5).T
        image = table(reconstruct(y, B, b, penalty), "What reconstruct returns", (2, 5))
        case = f"with two trials of twelve voxels and the penalty {penalty:g}."
        expect(
            not alike(image, towards_black, atol=1e-3),
            f"The image is drawn towards 0, not towards grey, {case}",
        )
        expect(
            alike(image, right, atol=1e-3, rtol=1e-3), f"Another image gives a smaller sum, {case}"
        )
