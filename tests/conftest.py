"""What several test modules share."""

import os
from pathlib import Path

import pytest

from helpers import data


@pytest.fixture(scope="session")
def real_bold(tmp_path_factory):
    """Load a small real recording: two runs of 0.8 mm volumes while bars moved over the screen.

    The environment variable REAL_BOLD_DIR names its folder. Responses are related to images by
    delays, so nothing is shifted. The default linear detrending is all that the drift needs here:
    a run lasts 416 s, and cosine drifts (high_pass=0.0036 to 0.015 Hz) lower the scores by .01 to
    .03.
    """
    if not os.environ.get("REAL_BOLD_DIR"):
        pytest.skip("REAL_BOLD_DIR is not set: it names the folder of the small real recording.")
    folder = Path(os.environ["REAL_BOLD_DIR"])
    dataset = data.from_files(
        func=[folder / f"run-{run}_bold.nii.gz" for run in (1, 2)],
        label=[folder / f"run-{run}_stimuli.csv" for run in (1, 2)],
        mask=folder / "mask.nii.gz",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOOK_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        return data.recording(dataset, kind="all", shift=0)
