"""What the answers of assignment A are judged by: loading and looking."""

# The words of a question say what its function judges.
# ruff: noqa: D103

from pathlib import Path

import nibabel as nib
import numpy as np
from nilearn.maskers import NiftiMasker

from . import expect, question
from .reading import alike, files, letters, number, parts, random_runs, table


@question("a-1-test", points=4, words="The numbers are those of your files")
def numbers_of_the_files(given, truth, recording, rng):
    random, _ = files(recording)
    film = nib.load(random.func[0])
    volumes, seconds = film.shape[3], float(film.header.get_zooms()[3])
    expect(
        alike(number(given.value("n_volumes"), "n_volumes"), volumes),
        "n_volumes is not that of your recording: time is the fourth axis of a film.",
    )
    expect(
        alike(number(given.value("tr"), "tr"), seconds),
        "tr is not what the header of your films says.",
    )
    expect(
        alike(number(given.value("n_voxels"), "n_voxels"), len(truth["size"])),
        "n_voxels is not that of your mask: count the voxels where it is 1.",
    )
    minutes = len(random.func) * volumes * seconds / 60
    expect(
        alike(number(given.value("minutes"), "minutes"), minutes, atol=0.1),
        "minutes is not the length of all your random runs together.",
    )


@question("a-2-images", points=4, words="read_images gives each image as it was shown")
def images_of_a_label_file(given, truth, recording, rng):
    random, figure = files(recording)
    read_images = given.function("read_images")
    one = int(rng.integers(len(random.label)))
    for name, path in (
        ("the first figure run", figure.label[0]),
        ("the second figure run", figure.label[1]),
        (f"random run {one + 1}", random.label[one]),
    ):
        rows = np.loadtxt(path, delimiter=",")
        right = rows.reshape(-1, 10, 10).transpose(0, 2, 1)
        images = table(read_images(Path(path)), "What read_images returns", right.shape)
        expect(
            not alike(images, right.transpose(0, 2, 1)),
            f"With {name}, your images are mirrored along the diagonal: rows and columns are "
            "exchanged. Look at a letter.",
        )
        expect(alike(images, right), f"With {name}, your images are not those of the label file.")


@question("a-2-letters", points=3, words="The letters of the first figure run")
def letters_of_a_run(given, truth, recording, rng):
    shown = str(truth["letters"][0])
    answer = letters(given.value("letters"), "letters")
    expect(
        len(answer) == len(shown),
        f"letters has {len(answer)} letters: expected one for each block.",
    )
    wrong = sum(a != b for a, b in zip(answer, shown, strict=True))
    expect(
        not wrong,
        f"{wrong} of your letters are not what your subject saw. Take the first figure run, and "
        "one letter for each block.",
    )


@question("a-3-test", points=3, words="When the first image came, and how many there were")
def timing(given, truth, recording, rng):
    random, _ = files(recording)
    rest = [(np.loadtxt(path, delimiter=",") < 0).all(axis=1) for path in random.label]
    seconds = float(nib.load(random.func[0]).header.get_zooms()[3])
    expect(
        alike(number(given.value("first_image_s"), "first_image_s"), seconds * rest[0].argmin()),
        "first_image_s is not the time of your first image. Volume 0 starts at 0 s.",
    )
    blocks = sum(np.sum(run[:-1] & ~run[1:]) for run in rest)
    expect(
        alike(number(given.value("n_images"), "n_images"), blocks),
        "n_images is not the number of your images. Count blocks, not volumes, in all random runs.",
    )


@question("a-4-test", points=5, words="clean takes the line out and divides by what is left")
def cleaned_responses(given, truth, recording, rng):
    random, figure = files(recording)
    clean = given.function("clean")
    one = int(rng.integers(1, len(random.func)))
    masker = NiftiMasker(random.mask, detrend=True, standardize="zscore_sample")
    for name, path in (
        (f"random run {one + 1}", random.func[one]),
        ("the second figure run", figure.func[1]),
    ):
        right = masker.fit_transform(path)
        cleaned = clean(Path(path), Path(random.mask))
        cleaned = table(cleaned, "What clean returns", right.shape)
        half = len(right) // 2
        drifts = not np.allclose(np.sort(cleaned, axis=1), np.sort(right, axis=1), atol=1e-2)
        drifts &= not np.allclose(cleaned[:half].mean(axis=0), right[:half].mean(axis=0), atol=0.05)
        expect(
            not drifts,
            f"With {name}, the columns still drift: subtract the straight line before you divide.",
        )
        expect(
            np.allclose(cleaned, right, atol=1e-2),
            f"With {name}, the table is not the cleaned one. Are the voxels in C order, and the "
            "line gone before you divide?",
        )


@question("a-5-function", points=4, words="The lag goes the right way")
def correlation_at_a_lag(given, truth, recording, rng):
    correlate = given.function("on_off_correlation")
    for late in (1, *rng.permutation(np.arange(2, 7))[:2].tolist()):
        screen = rng.random(80) < 0.4
        follows = np.column_stack([np.roll(screen, late), np.roll(screen, -late)]).astype(float)
        answer = table(correlate(screen, follows, late), "What on_off_correlation returns", (2,))
        expect(
            not answer[1] > 0.99,
            f"The lag goes the wrong way: with a lag of {late}, your responses come before the "
            "image.",
        )
        expect(
            answer[0] > 0.99,
            f"A voxel that follows the screen {late} volumes later is not in step with it at this "
            "lag.",
        )
        noise = rng.standard_normal((80, 3)) + 5
        right = np.corrcoef(screen[: 80 - late], noise[late:].T)[0, 1:]
        answer = table(correlate(screen, noise, late), "What on_off_correlation returns", (3,))
        expect(
            alike(answer, right, atol=1e-3),
            f"With noise as responses and a lag of {late}, this is no correlation of the right "
            "rows.",
        )


@question("a-5-best", points=3, words="The lag of your subject")
def best_lag(given, truth, recording, rng):
    expect(
        alike(number(given.value("best_lag"), "best_lag"), int(truth["lag"])),
        "best_lag is not that of your subject. Is it in volumes, and averaged over all voxels and "
        "random runs?",
    )


@question("a-6-test", points=6, words="A row of Y belongs to its row of X")
def stacked_runs(given, truth, recording, rng):
    stack = given.function("stack")
    lengths = rng.permutation([11, 14, 17, 20])[:3].tolist()
    for late in (1, int(rng.integers(2, 6))):
        shown = [rng.random((length, 10, 10)) for length in lengths]
        measured = [np.roll(run.reshape(-1, 100)[:, :7], late, axis=0) for run in shown]
        X, Y, runs = parts(stack(shown, measured, late), 3, "stack")
        X, Y, runs = table(X, "X"), table(Y, "Y"), table(runs, "runs").ravel()
        expect(len(X) == len(Y) == len(runs), "X, Y and runs have different numbers of rows.")
        expect(
            len(X) != sum(lengths),
            f"With a lag of {late}, no row is lost: each run loses rows at one end.",
        )
        expect(
            len(X) == sum(lengths) - 3 * late,
            f"With three runs and a lag of {late}, the number of rows is wrong: each run, and not "
            "only the last, loses as many rows as the lag.",
        )
        pixels = np.vstack([run[: len(run) - late].reshape(-1, 100) for run in shown])
        wrong_way = np.vstack([run[late:].reshape(-1, 100) for run in shown])
        expect(
            not alike(X, wrong_way),
            f"The lag goes the wrong way, with a lag of {late}: responses come later.",
        )
        expect(
            alike(X, pixels),
            f"With a lag of {late}, X is not what was shown, pixel = 10 * row + column.",
        )
        expect(
            alike(Y, pixels[:, :7]),
            f"With a lag of {late}, a row of Y is not the response to its row of X.",
        )
        expect(
            alike(runs, np.repeat([0, 1, 2], np.subtract(lengths, late))),
            f"With runs of different length and a lag of {late}, runs does not say which run each "
            "row is from.",
        )


@question("a-7-test", points=5, words="One row for each image, and none for rest")
def one_row_for_each_image(given, truth, recording, rng):
    trials = given.function("trials")
    X = np.repeat([[-1.0], [1], [-1], [0], [-1]], [4, 3, 3, 3, 2], axis=0) * np.ones((1, 100))
    level = rng.integers(1, 9)
    images, responses = parts(
        trials(X, np.arange(15.0)[:, None] + level, np.zeros(15, dtype=int)), 2, "trials"
    )
    images, responses = table(images, "The images"), table(responses, "The responses")
    case = "With a bright and a dark image, and rest around them,"
    expect(not (images < 0).any(), f"{case} rest rows are among your images: their pixels are -1.")
    expect(len(images) == 2, f"{case} trials does not return one row for each image.")
    expect(
        alike(responses, [[5 + level], [11 + level]]),
        f"{case} the responses are not the means over the rows of an image.",
    )
    pattern = rng.integers(0, 2, (3, 100)).astype(float)
    rest = np.full((1, 100), -1.0)
    X = np.vstack([rest, pattern[[0, 0, 1, 1, 1]], rest, pattern[[2, 2]], pattern[[2]], rest])
    Y = rng.standard_normal((len(X), 2)) + 3
    images, responses = parts(trials(X, Y, np.repeat([0, 1], [9, 2])), 2, "trials")
    images, responses = table(images, "The images"), table(responses, "The responses")
    expect(
        len(images) == 4,
        "An image that ends one run and one that begins the next are two trials; and two images "
        "may follow one another without rest.",
    )
    expect(alike(images, pattern[[0, 1, 2, 2]]), "The images are not in the order shown.")
    rows = ([1, 2], [3, 4, 5], [7, 8], [9])
    expect(
        alike(responses, [Y[chosen].mean(axis=0) for chosen in rows]),
        "With images that follow one another, a response is the mean of other rows than its "
        "image's.",
    )


@question("a-8-voxel", points=2, words="The voxel that follows the screen best")
def voxel_that_follows_the_screen(given, truth, recording, rng):
    loaded = random_runs(recording, truth["lag"])
    follow = np.mean(
        [
            np.corrcoef(loaded.is_on[loaded.runs == run], loaded.bold[loaded.runs == run].T)[0, 1:]
            for run in np.unique(loaded.runs)
        ],
        axis=0,
    )
    voxel = number(given.value("voxel"), "voxel")
    expect(voxel == int(voxel) and 0 <= voxel < len(follow), "voxel is no column of your table.")
    expect(
        follow[int(voxel)] > follow.max() - 0.01,
        "voxel is not the column that follows the screen best, at your subject's lag.",
    )


@question("a-8-field", points=3, words="The field of this voxel")
def field_of_a_voxel(given, truth, recording, rng):
    loaded = random_runs(recording, truth["lag"])
    starts = np.flatnonzero(loaded.is_on & ~np.roll(loaded.is_on, 1))
    means = np.mean([loaded.bold[starts + row] for row in range(3)], axis=0)
    # The task asks for the field of the voxel that was found, whichever this is.
    column = int(number(given.value("voxel"), "voxel")) % means.shape[1]
    right = np.corrcoef(loaded.stimuli[starts].T, means[:, column])[-1, :-1].reshape(10, 10)
    field = table(given.value("field"), "field", (10, 10))
    expect(
        not np.allclose(field.T, right, atol=0.02),
        "Your field is mirrored along the diagonal: the pixels are in the wrong order.",
    )
    expect(
        np.allclose(field, right, atol=0.02),
        "Your field is not that of this voxel: look for the lag, rest rows among the trials, or "
        "the voxel.",
    )
