"""Writing the twin when something goes wrong: nothing half-made is left, nothing else is lost."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from helpers._files import DataError
from helpers._files.layout import FIGURE_RUNS, MASKS, RANDOM_RUNS, missing_files
from helpers._twin import files, writing
from helpers._twin.truth import load_truth
from helpers.twin import is_twin, make_twin


def write_empty_recording(folder, seed, physiology):
    """Write what counts as a complete twin, in no time: empty files and a marked mask."""
    recording = folder / "miyawaki2008"
    runs = [f"func/{run}.nii.gz" for run in FIGURE_RUNS + RANDOM_RUNS]
    runs += [f"label/{run}_label.csv" for run in FIGURE_RUNS + RANDOM_RUNS]
    for name in [*runs, *(f"mask/{mask}" for mask in MASKS), "bg.nii.gz"]:
        (recording / name).parent.mkdir(parents=True, exist_ok=True)
        (recording / name).touch()
    image = nib.Nifti1Image(np.zeros((2, 2, 2), dtype=np.uint8), np.eye(4))
    image.header["descrip"] = files.MARK
    nib.save(image, recording / "mask" / "mask.nii.gz")
    return {"weights": np.full(3, seed)}


@pytest.fixture
def quick(monkeypatch):
    """Replace the simulation by one that writes empty files; count its calls."""
    calls = []

    def write(folder, seed, physiology):
        calls.append(seed)
        return write_empty_recording(folder, seed, physiology)

    monkeypatch.setattr(writing, "write_recording", write)
    return calls


def entries(folder):
    return sorted(path.name for path in folder.iterdir())


def end_at_run(folder, count, how):
    """Run a simulation that ends itself, in one of these ways, while it writes this run."""
    program = f"""
import itertools, signal, sys, threading
import psutil
from helpers._twin import files, writing
from helpers.twin import make_twin

# A shell that runs tests in the background has its children ignore interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
inner, numbers = files._write_bold, itertools.count(1)

def write(path, mask, bold):
    if next(numbers) == {count}:
        path.touch()
        {how}
    inner(path, mask, bold)

files._write_bold = write
make_twin(sys.argv[1])
"""
    command = [sys.executable, "-c", program, str(folder)]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)


@pytest.mark.slow
def test_a_killed_run_leaves_no_twin_and_the_next_run_succeeds(tmp_path):
    ended = end_at_run(tmp_path / "twin", 5, "psutil.Process().kill()")
    assert ended.returncode != 0 and ended.stderr == ""
    assert not (tmp_path / "twin").exists()
    (left,) = tmp_path.iterdir()  # a temporary folder, which nothing takes for a twin
    assert any(left.glob("twin/miyawaki2008/func/*"))
    make_twin(tmp_path / "twin")
    assert entries(tmp_path) == ["twin"]
    assert missing_files(tmp_path / "twin" / "miyawaki2008") == []
    assert len(load_truth(tmp_path / "twin").weights) == 5438


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows sends no interrupt to one process")
def test_an_interrupted_run_cleans_up_at_once(tmp_path):
    interrupt = "signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)"
    ended = end_at_run(tmp_path / "twin", 2, interrupt)
    assert ended.stderr.splitlines()[-1] == "KeyboardInterrupt"
    assert entries(tmp_path) == []


def test_a_temporary_folder_of_a_living_process_is_left_alone(tmp_path, quick):
    living = tmp_path / f".twin-of-process-{os.getpid()}-abc"
    living.mkdir()
    make_twin(tmp_path / "twin")
    assert living.is_dir()


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path, monkeypatch):
    saved = []

    def write(path, mask, bold):
        saved.append(path)
        if len(saved) == 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        path.touch()

    monkeypatch.setattr(files, "_write_bold", write)
    with pytest.raises(DataError, match=r"^The twin cannot be .*the disk is full\. It needs 60 MB"):
        make_twin(tmp_path / "twin")
    assert len(saved) >= 5
    assert entries(tmp_path) == []


def test_a_full_disk_does_not_harm_an_older_twin(tmp_path, quick, monkeypatch):
    make_twin(tmp_path / "twin", seed=1)

    def write(folder, seed, physiology):
        write_empty_recording(folder, seed, physiology)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writing, "write_recording", write)
    with pytest.raises(DataError):
        make_twin(tmp_path / "twin", seed=2)
    with np.load(tmp_path / "twin" / "truth.npz") as stored:
        assert stored["seed"] == 1
    assert entries(tmp_path) == ["twin"]


def test_a_folder_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match=r"cannot be written to .*BOOK_DATA_DIR names another"):
        make_twin(tmp_path / "file" / "twin")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(
    os.name == "nt" or (hasattr(os, "geteuid") and os.geteuid() == 0),
    reason="this user may write everywhere",
)
def test_a_read_only_folder_is_reported(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(DataError, match="Permission denied"):
        make_twin(tmp_path / "twin")


def test_a_twin_that_another_process_has_made_meanwhile_is_kept(tmp_path, monkeypatch):
    def write_while_another_process_is_faster(folder, seed, physiology):
        monkeypatch.setattr(writing, "write_recording", write_empty_recording)
        make_twin(tmp_path / "twin", seed)
        (tmp_path / "twin" / "miyawaki2008" / "bg.nii.gz").write_text("in use")
        return write_empty_recording(folder, seed, physiology)

    monkeypatch.setattr(writing, "write_recording", write_while_another_process_is_faster)
    make_twin(tmp_path / "twin", 1)
    assert (tmp_path / "twin" / "miyawaki2008" / "bg.nii.gz").read_text() == "in use"
    assert entries(tmp_path) == ["twin"]


def test_an_older_twin_keeps_its_place_when_it_cannot_be_replaced(tmp_path, quick, monkeypatch):
    make_twin(tmp_path / "twin", seed=1)
    rename = Path.rename

    def fail_for_the_new_one(path, target):
        if path.name == "twin" and path.parent != tmp_path:
            raise PermissionError(errno.EACCES, "the folder is in use")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_for_the_new_one)
    with pytest.raises(DataError, match="the folder is in use"):
        make_twin(tmp_path / "twin", seed=2)
    with np.load(tmp_path / "twin" / "truth.npz") as stored:
        assert stored["seed"] == 1


def test_a_damaged_mask_is_no_twin(tmp_path, quick):
    folder = make_twin(tmp_path / "twin")
    mask_file = folder / "miyawaki2008" / "mask" / "mask.nii.gz"
    content = bytearray(mask_file.read_bytes())
    content[20:40] = bytes(20)
    mask_file.write_bytes(content)
    assert not is_twin(folder)
    with pytest.raises(ValueError, match="If it is an older twin, delete it"):
        make_twin(folder)


def test_the_same_twin_is_not_made_twice(tmp_path, quick):
    folder = make_twin(tmp_path / "twin")
    assert make_twin(str(tmp_path / "twin")) == folder
    assert quick == [2008]


def test_another_seed_an_older_version_or_a_missing_file_make_it_anew(tmp_path, quick, monkeypatch):
    folder = make_twin(tmp_path / "twin", seed=1)
    make_twin(folder, seed=2)
    monkeypatch.setattr(writing, "VERSION", writing.VERSION + 1)
    make_twin(folder, seed=2)
    (folder / "miyawaki2008" / "label" / "data_random_run07_label.csv").unlink()
    make_twin(folder, seed=2)
    (folder / "truth.npz").write_bytes(b"damaged")
    make_twin(folder, seed=2)
    assert quick == [1, 2, 2, 2, 2]
    assert entries(tmp_path) == ["twin"]


@pytest.mark.parametrize("seed", [-1, 1.5, "7", True, None])
def test_a_seed_must_be_a_whole_number(tmp_path, seed):
    with pytest.raises(ValueError, match="it must be a whole number from 0 up, such as 2008"):
        make_twin(tmp_path / "twin", seed)
    assert entries(tmp_path) == []


def test_a_seed_is_checked_even_where_its_twin_is_there(tmp_path, quick):
    folder = make_twin(tmp_path / "twin", seed=1)
    for seed in (True, 1.0):  # both equal 1
        with pytest.raises(ValueError, match="it must be a whole number"):
            make_twin(folder, seed)


def test_a_folder_with_other_files_is_not_touched(tmp_path, quick):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match=r"other than a twin \(thesis.txt\)"):
        make_twin(tmp_path)
    (tmp_path / "twin").mkdir()
    make_twin(tmp_path / "twin")
    (tmp_path / "twin" / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"other than a twin \(notes.txt\)"):
        make_twin(tmp_path / "twin", seed=3)
    assert (tmp_path / "twin" / "notes.txt").read_text() == "mine"
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_real_recording_is_not_replaced(tmp_path, quick):
    recording = tmp_path / "data" / "miyawaki2008" / "mask"
    recording.mkdir(parents=True)
    image = nib.Nifti1Image(np.ones((2, 2, 2), dtype=np.uint8), np.eye(4))
    nib.save(image, recording / "mask.nii.gz")
    with pytest.raises(ValueError, match=r"other than a twin \(miyawaki2008\)"):
        make_twin(tmp_path / "data")
    assert (recording / "mask.nii.gz").is_file()
    assert not is_twin(tmp_path / "data")


def test_never_where_nilearn_looks_for_real_recordings(tmp_path, quick, monkeypatch):
    monkeypatch.setenv("NILEARN_DATA", str(tmp_path / "nilearn"))
    with pytest.raises(ValueError, match="could be taken for one there"):
        make_twin(tmp_path / "nilearn")
    assert quick == []


def test_truth_of_no_twin_is_a_named_error(tmp_path):
    with pytest.raises(DataError, match=r"holds no simulated twin; make one with make_twin"):
        load_truth(tmp_path)


def test_a_damaged_truth_is_a_named_error(tmp_path, quick):
    folder = make_twin(tmp_path / "twin")
    content = (folder / "truth.npz").read_bytes()
    (folder / "truth.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="damaged or of another version; delete that folder"):
        load_truth(folder)


def test_every_image_is_marked_as_simulated():
    from helpers.data import load

    dataset = load("twin")
    for path in (dataset.mask, dataset.background, dataset.func[0], *dataset.mask_roi):
        assert nib.load(path).header["descrip"].item() == files.MARK
