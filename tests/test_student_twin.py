"""The small twins of students: one id, one recording, and no truth in what is handed out."""

from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from helpers import data, receptive_fields, ridge, twin
from helpers._twin import students
from helpers.twin import is_twin

FILES = {
    "student.json", "mask.nii.gz",
    *(f"func/{kind}.nii.gz" for kind in ("figure_run1", "figure_run2", "secret_run1")),
    *(f"label/{kind}.csv" for kind in ("figure_run1", "figure_run2")),
    *(f"func/random_run{run}.nii.gz" for run in range(1, 9)),
    *(f"label/random_run{run}.csv" for run in range(1, 9)),
}  # fmt: skip


@pytest.fixture(scope="module")
def mia(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mia") / "recording"
    truth = students.make(folder, "mia")
    random = data.from_files(
        sorted((folder / "func").glob("random*")),
        sorted((folder / "label").glob("random*")),
        folder / "mask.nii.gz",
    )
    return SimpleNamespace(folder=folder, truth=truth, random=random)


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("BOOK_DATA_DIR", str(tmp_path / "data"))


def test_what_is_handed_out_is_the_recording_alone(mia):
    files = {str(path.relative_to(mia.folder)) for path in mia.folder.rglob("*") if path.is_file()}
    assert files == FILES
    stamp = (mia.folder / "student.json").read_text()
    assert str(students.seed_of("mia")) not in stamp
    assert nib.load(mia.random.func[0]).header["descrip"].item() == b"simulated twin"
    assert not is_twin(mia.folder)  # nor is it taken for the book's twin


def bytes_of(folder):
    return [
        np.asarray(nib.load(path).dataobj).tobytes() if path.suffix == ".gz" else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "student.json"
    ]


def test_an_id_gives_the_same_recording_again_and_another_id_or_salt_another(mia, tmp_path):
    students.make(tmp_path / "again", "mia")
    assert bytes_of(tmp_path / "again") == bytes_of(mia.folder)
    for folder, arguments in {"ben": ("ben",), "salted": ("mia", "a secret")}.items():
        students.make(tmp_path / folder, *arguments)
        different = zip(bytes_of(tmp_path / folder), bytes_of(mia.folder), strict=True)
        assert all(a != b for a, b in different)


def test_a_recording_that_is_there_is_kept_and_one_of_another_salt_is_replaced(mia, tmp_path):
    folder = tmp_path / "recording"
    students.make(folder, "mia")
    before = (folder / "mask.nii.gz").stat().st_mtime_ns
    truth = students.make(folder, "mia")
    assert (folder / "mask.nii.gz").stat().st_mtime_ns == before
    assert np.array_equal(truth.weights, mia.truth.weights)
    students.make(folder, "mia", "a secret")
    assert students.is_made(folder, "mia", "a secret")
    assert not students.is_made(folder, "mia")
    assert [path.name for path in tmp_path.iterdir()] == ["recording"]  # nothing is left over


@pytest.mark.parametrize("student", ["", "../mia", "mia meyer", "-mia", "a/b"])
def test_an_id_that_is_no_file_name_is_refused(student):
    with pytest.raises(ValueError, match="expected letters, digits"):
        students.seed_of(student)


def test_an_id_has_letters_of_any_script_in_whichever_form():
    assert students.seed_of("jo\u0308rg") == students.seed_of("j\u00f6rg")
    assert students.seed_of("j\u00f6rg") != students.seed_of("jorg")
    for student in ("Łukasz", "李小龙", "नेहा", "o'neill@uni.de"):
        assert students.seed_of(student)


def test_the_truth_is_what_the_recording_was_made_from(mia):
    recording = data.recording(mia.random, "all", shift=mia.truth.lag)
    tuned, silent = (mia.truth.population == name for name in ("tuned", "silent"))
    model = ridge.RidgeCV([100.0], cv=8)
    model.fit(recording.stimuli, recording.bold, groups=recording.runs)
    scores = model.best_score_
    assert np.median(scores[tuned]) > 0.2
    assert np.max(scores[silent]) < 0.1
    found = scores > 0.2
    coef = Ridge(alpha=100.0).fit(recording.stimuli, recording.bold[:, found]).coef_.T
    centre = receptive_fields.fit_gaussians(coef.T).centre
    assert np.median(np.hypot(*(centre - mia.truth.centre[found]).T)) < 0.5


@pytest.mark.slow
def test_the_lag_of_the_truth_is_the_best_one_for_every_lag(tmp_path):
    lags = set()
    for number in range(12):
        truth = students.make(tmp_path / str(number), f"s{number}")
        if truth.lag in lags:
            continue
        lags.add(truth.lag)
        folder = tmp_path / str(number)
        run = (sorted((folder / x).glob("random*"))[:3] for x in ("func", "label"))
        dataset = data.from_files(*run, folder / "mask.nii.gz")
        agreement = []
        for shift in range(7):
            recording = data.recording(dataset, "all", shift=shift)
            agreement.append(np.corrcoef(recording.is_on, recording.bold.T)[0, 1:].mean())
        assert np.argmax(agreement) == truth.lag
    assert lags == {2, 3, 4}


def test_load_makes_the_recording_beside_the_notebook(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random, figure = twin.load_student("ben")
    assert (len(random.func), len(figure.func)) == (8, 2)
    assert (tmp_path / "recording" / "student.json").is_file()
    with pytest.raises(ValueError, match='belongs to "ben"'):
        twin.load_student("mia")


def test_what_students_import_knows_no_truth_of_the_one_who_is_graded():
    assert not [name for name in vars(twin) if "graded" in name]
