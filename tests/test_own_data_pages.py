"""The pages on one's own data can be read in one sitting, and each line that they offer runs."""

import ast
import re
import warnings
from pathlib import Path

import lengths
import nbformat
import nibabel
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers import data, inference, receptive_fields, ridge, twin

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "pages" / f"{page}.ipynb" for page in ("your_own_data", "other_data")]
HEADING = "## If your data are like this, say that"
N_VOLUMES, GRID, N_FEATURES = 130, (3, 2, 2), 3
WORDS = ["apple", "arrow", "basket"]


def lines_of_the_table():
    """The pieces of code in the right column of the table on the page."""
    cells = nbformat.read(PAGES[0], as_version=4).cells
    (text,) = [cell.source for cell in cells if HEADING in cell.source]
    rows = re.findall(r"^\| (.+) \| `(.+)` \|$", text.partition(HEADING)[2], re.MULTILINE)
    return [pytest.param(line, id=case) for case, line in rows]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the files that the lines name, and the variables in them."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    features = rng.normal(size=(N_VOLUMES, N_FEATURES))
    series = 100 + rng.normal(size=(2, *GRID, N_VOLUMES))
    images = [nibabel.Nifti1Image(values, np.eye(4)) for values in series]
    for image in images:
        image.header.set_zooms((2, 2, 2, 2.0))
    for number, image in enumerate(images, 1):
        nibabel.save(image, folder / f"bold-{number}.nii")
        (folder / f"frames-{number}").mkdir()
        for volume, frame in enumerate(rng.integers(0, 256, (N_VOLUMES, 4, 5), dtype=np.uint8)):
            Image.fromarray(frame).save(folder / f"frames-{number}" / f"{volume:03}.png")
    mask = nibabel.Nifti1Image(np.ones(GRID, dtype=np.uint8), np.eye(4))
    nibabel.save(mask, folder / "V1.nii.gz")
    np.save(folder / "run-1.npy", features)
    np.save(folder / "run-2.npy", features[::-1])
    (folder / "stimuli").mkdir()
    for word in WORDS:
        frame = Image.fromarray(rng.integers(0, 256, (4, 5), dtype=np.uint8))
        frame.save(folder / "stimuli" / f"{word}.png")
    dense = nibabel.cifti2.BrainModelAxis.from_surface(
        np.arange(10242), 10242, "CIFTI_STRUCTURE_CORTEX_LEFT"
    ) + nibabel.cifti2.BrainModelAxis.from_surface(
        np.arange(10242), 10242, "CIFTI_STRUCTURE_CORTEX_RIGHT"
    )
    time = nibabel.cifti2.SeriesAxis(0, 2.0, N_VOLUMES)
    values = rng.normal(size=(N_VOLUMES, len(dense))).astype(np.float32)
    nibabel.save(nibabel.Cifti2Image(values, (time, dense)), folder / "run-1.dtseries.nii")
    twin.make_bids(folder / "images")
    twin.make_bids(folder / "surface", space="surface")
    return folder, features, images, mask


@pytest.fixture
def names(place, monkeypatch):
    """What the names in the table stand for."""
    folder, features, images, mask = place
    monkeypatch.chdir(folder)
    events = pd.DataFrame({"onset": 4.0 + 6 * np.arange(40), "duration": 3.0})
    events["trial_type"] = np.resize(WORDS, 40)
    events["stim_file"] = events["trial_type"] + ".png"
    label, func = [features, features[::-1]], ["bold-1.nii", "bold-2.nii"]
    dataset = data.from_files(func, label, mask)
    recording = data.recording(dataset, shift=1, memory=None)
    surface = folder / "surface" / "derivatives" / "fmriprep" / "sub-01" / "func"
    left, right = (
        surface / f"sub-01_task-images_run-1_hemi-{side}_space-fsaverage5_bold.func.gii"
        for side in "LR"
    )
    rng = np.random.default_rng(1)
    return {
        "data": data,
        "ridge": ridge,
        "inference": inference,
        "receptive_fields": receptive_fields,
        "np": np,
        "folder": folder / "images",
        "func": func,
        "image": func[0],
        "label": label,
        "mask": mask,
        "mask_image": mask,
        "events": [events.iloc[:36]] * 2,
        "confounds": [pd.DataFrame({"motion": np.sin(np.arange(N_VOLUMES))})] * 2,
        "table": pd.DataFrame(features, columns=list("abc")),
        "labels": np.repeat(["a", "b"], N_VOLUMES // 2),
        "n_volumes": N_VOLUMES,
        "first_image": images[0],
        "second_image": images[1],
        "left": left,
        "right": right,
        "dataset": dataset,
        "recording": recording,
        "runs": np.arange(len(recording.bold)) // 65,
        "X": rng.normal(size=recording.stimuli.shape),
        "Y": recording.bold,
        "spaces": ["a", "a", "b"],
        "penalties": [1.0, 10.0],
        "null": np.full((20, recording.bold.shape[1]), np.nan),
    }


@pytest.mark.parametrize("line", lines_of_the_table())
def test_each_line_of_the_table_is_read_without_an_error(line, names):
    """A dataset is not only put together: a recording comes out of it."""
    tree = ast.parse(line, mode="eval")
    function = ast.unparse(tree.body.func)
    if "from_files([{" in line or "dtseries" in line:
        names["events"] = names["events"][:1]  # of the one run that the line names
    if "stimuli=table" in line:
        names["table"].index = [*WORDS, *range(N_VOLUMES - 3)]
    if 'space="fsaverage5"' in line:
        names["folder"] = names["folder"].parent / "surface"
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        made = eval(compile(tree, "the table", "eval"), names)
        if function.startswith("data.from"):
            made = data.recording(made, shift=1, memory=None)
    if function.startswith("data."):
        n_runs = 1 if len(names["events"]) == 1 else 2
        assert len(set(made.runs)) >= n_runs
        assert np.isfinite(made.bold).all() and made.stimuli.any()


def test_the_table_has_what_people_bring():
    assert len(lines_of_the_table()) >= 18


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_page_can_be_read_in_one_sitting(path):
    assert not lengths.excesses(lengths.measure(nbformat.read(path, as_version=4)))
