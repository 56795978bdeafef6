"""What the answers of assignment D are judged by: population receptive fields."""

# The words of a question say what its function judges.
# ruff: noqa: D103

import numpy as np

from helpers import features

from . import expect, question
from .reading import alike, number, prf_model, table


@question("d-1-test", points=4, words="Nothing flickers at rest, and an image may be dark")
def what_is_on_the_screen(given, truth, recording, rng):
    images = np.full((30, 100), -1.0)
    on = np.sort(rng.choice(np.arange(1, 29), 14, replace=False))
    images[on] = rng.integers(0, 2, (14, 100))
    images[on[3]] = 0
    images[on[5]] = 1
    shown = table(given.function("screen")(images), "What screen returns", (30, 101))
    rest = (images < 0).all(axis=1)
    expect(
        not (shown[rest, :100] < 0).any(),
        "At rest the pixels are below 0: nothing flickers then.",
    )
    expect(
        alike(shown[:, :100], np.maximum(images, 0)),
        "With random images and rest between them, the pixels are not those that flicker.",
    )
    dark = ~rest & (images <= 0).all(axis=1)
    expect(
        alike(shown[dark, 100], np.ones(dark.sum())),
        "The stimulus regressor misses an image that is dark everywhere: it is on the screen.",
    )
    expect(
        alike(shown[:, 100], ~rest),
        "The stimulus regressor does not say when an image is on the screen.",
    )


def gaussian(row, column, size):
    """Make a Gaussian field that is divided by its integral, shape (100,)."""
    rows, columns = np.indices((10, 10)).reshape(2, 100)
    squared = (rows - row) ** 2 + (columns - column) ** 2
    return np.exp(-squared / (2 * size**2)) / (2 * np.pi * size**2)


@question("d-2-test", points=4, words="A round field, divided by its integral")
def weights_of_a_field(given, truth, recording, rng):
    field = given.function("field")

    def made(*numbers):
        return table(field(*numbers), "What field returns", (100,))

    row, column = rng.permutation(np.arange(2, 8))[:2].tolist()
    place = f"With its centre in row {row} and column {column},"
    top = np.unravel_index(made(row, column, 1.0).argmax(), (10, 10))
    expect(top != (column, row), f"{place} row and column are exchanged.")
    expect(top == (row, column), f"{place} the largest weight is elsewhere.")
    for size in (0.8, float(rng.choice([1.7, 2.3, 2.9]))):
        weights, right = made(row, column, size), gaussian(row, column, size)
        expect(
            alike(weights / max(weights.sum(), 1e-9), right / right.sum(), atol=1e-5),
            f"With a size of {size}, the field is too wide or too narrow: the size is its standard "
            "deviation.",
        )
        expect(
            alike(weights, right),
            f"With a size of {size}, the field has the right shape and the wrong height: divide by "
            "the integral.",
        )
    outside = (-1.5, 6.25, 1.4)
    expect(
        alike(made(*outside), gaussian(*outside)),
        "The field is wrong where its centre is not whole, or outside the image: there, its sum "
        "over the pixels is no integral.",
    )


@question("d-3-test", points=5, words="The response follows what was shown, run by run")
def spread_over_time(given, truth, recording, rng):
    spread = given.function("spread")
    for case, lengths in (
        ("In a single run,", [60]),
        ("With three runs of different length,", rng.permutation([31, 40, 27]).tolist()),
    ):
        runs = np.repeat(np.arange(len(lengths)), lengths)
        X = (rng.random((len(runs), 4)) < 0.3) * rng.uniform(0.5, 2, 4)
        response = features.haemodynamic_response(float(rng.uniform(4, 7)))
        late = table(spread(X, response, runs), "What spread returns", X.shape)
        flipped = features.convolve(X[::-1], response, runs[::-1])[::-1]
        expect(
            not alike(late, flipped, atol=1e-3),
            f"{case} the response comes before what was shown: the lag goes the wrong way.",
        )
        together = features.convolve(X, response)
        right = features.convolve(X, response, runs)
        expect(
            len(lengths) == 1 or not alike(late, together, atol=1e-3),
            f"{case} what was shown at the end of a run is carried into the next one.",
        )
        expect(
            alike(late, right, atol=1e-3),
            f"{case} a response is not the sum of what was shown before, each counted as the "
            "response says for its lag.",
        )


@question("d-4-test", points=4, words="When your subject's response peaks")
def time_to_peak(given, truth, recording, rng):
    peak = number(given.value("peak"), "peak")
    # Voxels differ a little, and half a second more or less does no harm.
    expect(
        abs(peak - np.median(truth["peak"])) < 0.8,
        "peak is not that of your subject. Is it in seconds, and averaged over all voxels?",
    )


@question("d-5-test", points=4, words="Both strengths and the level are fitted together")
def strengths_of_a_field(given, truth, recording, rng):
    strengths = given.function("strengths")
    late = rng.random((90, 101))
    late[:, 100] += late[:, :100].mean(axis=1)
    weights = gaussian(*rng.uniform(2, 7, 2), 1.5)
    course = late[:, :100] @ weights
    for level in (0.0, float(rng.uniform(3, 6))):
        a, b = rng.uniform(1, 3, 2)
        y = level + a * course + b * late[:, 100] + 0.3 * rng.standard_normal(90)
        columns = np.column_stack([np.ones(90), course, late[:, 100]])
        right = np.linalg.lstsq(columns, y)[0][1:]
        answer = table(strengths(late, weights, y), "What strengths returns").ravel()
        expect(answer.size == 2, "strengths does not return a pair (a, b).")
        case = "With noise" + (" and a level that is not 0," if level else ",")
        expect(
            not alike(answer, right[::-1], atol=1e-2) or alike(*right, atol=0.1),
            f"{case} a and b are exchanged.",
        )
        expect(
            alike(answer, right, atol=1e-2),
            f"{case} other strengths give a smaller sum of squared differences. Are a, b and the "
            "level fitted together?",
        )


@question("d-6-function", points=6, words="The field that explains most, beside the regressor")
def best_of_some_fields(given, truth, recording, rng):
    best_field = given.function("best_field")
    images = rng.integers(0, 2, (60, 100)).astype(float)
    shown = np.zeros((240, 101))
    for volume in range(3):  # three volumes of an image, one of rest
        shown[volume::4] = np.column_stack([images, np.ones(60)])
    late = features.convolve(shown, features.haemodynamic_response(5.0))
    late = late - late.mean(axis=0)
    places, sizes = np.arange(0.0, 10.0), (0.8, 1.6, 3.0)

    def found(y, *grid):
        return table(best_field(late, y, *grid), "What best_field returns").ravel()

    for size in (0.8, 1.6):
        place = rng.choice(places[2:8], 2, replace=False).tolist()
        numbers = (*place, size)
        course = late[:, :100] @ gaussian(*numbers)
        case = "With a field in row {}, column {} and of size {},".format(*numbers)
        order = "(Or it is found in another order than row, column, size.)"
        expect(
            alike(found(course, places, places, sizes), numbers),
            f"{case} another one is found. {order}",
        )
        expect(
            alike(found(2 * course + 3 * late[:, 100] + 5, places, places, sizes), numbers),
            f"{case} another one is found where the voxel also responds to any image, or has a "
            "level: fit these, too.",
        )
    course = late[:, :100] @ (gaussian(7, 7, 1.6) - 3 * gaussian(2, 2, 1.6))
    expect(
        not alike(found(course, [2, 7], [2, 7], [1.6]), (2, 2, 1.6)),
        "A field that lowers the response is taken, although another one raises it: a has a sign.",
    )


@question("d-6-truth", points=4, words="Where your voxel really looks")
def centre_of_a_voxel(given, truth, recording, rng):
    voxel = number(given.value("voxel"), "voxel")
    expect(
        voxel == int(voxel) and 0 <= voxel < len(truth["size"]),
        "voxel is no column of your subject's table.",
    )
    row, column = truth["centre"][int(voxel)]
    fit_row = number(given.value("fit_row"), "fit_row")
    fit_column = number(given.value("fit_column"), "fit_column")
    off = np.hypot(fit_row - row, fit_column - column)
    exchanged = np.hypot(fit_column - row, fit_row - column)
    expect(truth["population"][int(voxel)] == "tuned", "The voxel is none that has a field.")
    expect(not exchanged < 0.6 < off, "Row and column are exchanged.")
    expect(off < 0.6, "The voxel really looks elsewhere.")


def _peak(truth):
    """Round the time to peak as the grid of the assignment does."""
    return round(2 * float(np.median(truth["peak"]))) / 2


def _sizes(model):
    return np.where(model.at_bound_, np.nan, model.size_)


@question("d-7-test", points=4, words="Where all voxels look, and how wide")
def all_fields(given, truth, recording, rng):
    model = prf_model(recording, _peak(truth))
    n_voxels = len(truth["size"])
    centres, sizes = table(given.value("centres"), "centres"), table(given.value("sizes"), "sizes")
    sizes = sizes.ravel()
    expect(
        centres.shape == (n_voxels, 2) and len(sizes) == n_voxels,
        "These are not the voxels of your subject.",
    )
    placed = np.isfinite(centres).all(axis=1)
    without = truth["population"] != "tuned"
    expect(
        placed[without].mean() < 0.05,
        "Many voxels that have no field got one: look for the stimulus regressor and the NaN.",
    )
    expect(
        placed[model.has_field_].mean() > 0.9,
        "Fields are missing: the model finds more voxels with a field at your subject's peak. Was "
        "the screen spread twice?",
    )
    both = placed & model.has_field_
    off, mirrored = (
        np.median(np.hypot(*(found - truth["centre"])[both].T))
        for found in (centres, centres[:, ::-1])
    )
    expect(not mirrored < 0.5 * off, "Rows and columns are exchanged.")
    expect(off < 0.25, "Half of your centres lie farther from the truth than they should.")
    right = _sizes(model)
    known = np.isfinite(sizes) & np.isfinite(right)
    expect(
        known.sum() > 0.9 * np.isfinite(right).sum(),
        "Sizes are missing that the model finds with your subject's peak.",
    )
    expect(
        np.isfinite(sizes[model.at_bound_]).mean() < 0.5 if model.at_bound_.any() else True,
        "Sizes that are only limits (at_bound_) are not NaN.",
    )
    expect(
        abs(np.log(np.median(sizes[known] / right[known]))) < 0.07,
        "Your sizes are too large or too small, over all voxels. Are they in pixels, and is the "
        "stimulus regressor in the model?",
    )


@question("d-8-test", points=3, words="How much wider fields get without the regressor")
def sizes_without_the_regressor(given, truth, recording, rng):
    peak = _peak(truth)
    with_regressor = prf_model(recording, peak)
    without = prf_model(recording, peak, regressor=False)
    right = _sizes(without) / _sizes(with_regressor)
    ratios = table(given.value("ratios"), "ratios").ravel()
    expect(len(ratios) == len(right), "These are not the voxels of your subject.")
    known = np.isfinite(ratios) & np.isfinite(right)
    expect(
        known.sum() > 0.9 * np.isfinite(right).sum(),
        "Ratios are missing for voxels that have a size in both fits.",
    )
    expect(
        not np.median(np.abs(ratios * right - 1)[known]) < 0.05,
        "The ratios are upside down: divide the size without the regressor by the size with it.",
    )
    expect(
        np.median(np.abs(ratios / right - 1)[known]) < 0.05,
        "The ratios are not those of your subject's sizes, without the regressor and with it.",
    )


@question("d-9-test", points=4, words="A line through sizes over eccentricity")
def line_of_sizes(given, truth, recording, rng):
    size_line = given.function("size_line")
    centres = rng.uniform(0, 9, (40, 2))
    eccentricity = np.hypot(*(centres - 4.5).T)
    sizes = 0.5 + 0.1 * eccentricity + 0.05 * rng.standard_normal(40)

    def fitted(*tables):
        answer = table(size_line(*tables), "What size_line returns").ravel()
        expect(answer.size == 2, "size_line does not return a pair (slope, intercept).")
        return answer

    right = np.polyfit(eccentricity, sizes, 1)
    case = "With 40 voxels around the middle,"
    answer = fitted(centres, sizes)
    expect(not alike(answer, right[::-1], atol=1e-3), f"{case} slope and intercept are exchanged.")
    expect(
        alike(answer, right, atol=1e-3),
        f"{case} this is not the line of size against eccentricity. Where is the middle?",
    )
    centres[[3, 17]] = sizes[[3, 8, 30]] = np.nan
    known = np.isfinite(centres[:, 0]) & np.isfinite(sizes)
    expect(
        alike(fitted(centres, sizes), np.polyfit(eccentricity[known], sizes[known], 1), atol=1e-3),
        "Where some centres or sizes are NaN, the line is not that of the other voxels.",
    )
