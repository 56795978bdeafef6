"""What nbgrader calls while it grades: the data of each student, and a limit to outputs."""

import os
from pathlib import Path

import nbformat
import numpy as np
from nbgrader.preprocessors import NbGraderPreprocessor

from helpers import twin

SALT = "salt.txt"  # in the folder of the course: its secret; Git ignores it
LONGEST = 20_000  # characters of one output that are kept
MISSING = "The submission lacks the cell"
TWICE = "The submission has more than one cell"
CUT = "\n... (the rest of this output was cut) ..."


def make_twin(student, root):
    """Make the recording of a student with the course's secret, and the truth beside it.

    Parameters
    ----------
    student : str
        The id.
    root : pathlib.Path
        Folder of the course.

    Returns
    -------
    pathlib.Path
        ``twins/STUDENT``: its ``recording`` may be handed out, its ``truth.npz`` may not.
    """
    folder, secret = root / "twins" / student, root / SALT
    salt = secret.read_text(encoding="utf-8").strip() if secret.is_file() else ""
    if not twin.students.is_made(folder / "recording", student, salt):
        (folder / "truth.npz").unlink(missing_ok=True)
    if not (folder / "truth.npz").is_file():
        truth = twin.students.make(folder / "recording", student, salt)
        np.savez(folder / "truth.npz", **truth)
    return folder


def prepare_twin(assignment, student, notebooks):
    """Give hidden tests the twin of the student whose submission comes next."""
    # Gone first: should this fail, nobody is graded on the twin of the student before.
    os.environ.pop(twin.students.GRADED, None)
    os.environ["TQDM_DISABLE"] = "1"  # a test that writes to stderr counts as failed
    os.environ.setdefault("BOOK_DATA_DIR", str(Path.cwd()))
    student = Path(notebooks[0]).resolve().parents[1].name
    os.environ[twin.students.GRADED] = str(make_twin(student, Path.cwd()))


class KeepLastCell(NbGraderPreprocessor):
    """Leave an id to the last cell that has it: Split and Paste in JupyterLab copy it.

    nbgrader does so, too, but keeps an empty record in the others, and then refuses these. Their
    code runs as any other.
    """

    def preprocess(self, nb, resources):
        """Take the ids from the earlier cells of one notebook."""
        found = set()
        for cell in reversed(nb.cells):
            name = _grade_id(cell)
            if name in found:
                self.log.warning("%s %s", TWICE, name)
                del cell.metadata["nbgrader"]
            elif name is not None:
                found.add(name)
        return nb, resources


class PutBackCells(NbGraderPreprocessor):
    """Put back cells of the release that a submission lacks, after the cell they followed.

    nbgrader's ``add_missing_cells`` does so for tests only, and fails where the answer before
    them is gone.
    """

    def preprocess(self, nb, resources):
        """Put back the missing cells of one notebook; nbgrader adds the hidden tests later."""
        ids = resources["nbgrader"]
        path = Path("release") / ids["assignment"] / f"{ids['notebook']}.ipynb"
        place = 0
        for cell in nbformat.read(path, as_version=4).cells:
            name = _grade_id(cell)
            if name is None:
                continue
            found = [index for index, given in enumerate(nb.cells) if _grade_id(given) == name]
            if found:
                place = found[0] + 1
            else:
                self.log.warning("%s %s", MISSING, name)
                nb.cells.insert(place, cell)
                place += 1
        return nb, resources


def _grade_id(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


class CutOutput(NbGraderPreprocessor):
    """Shorten outputs; nbgrader itself counts lines, and a line may be as long as it likes."""

    def preprocess_cell(self, cell, resources, cell_index):
        """Shorten the outputs of one cell."""
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            for holder, name in ((output, "text"), (output, "evalue"), (data, "text/plain")):
                if len(holder.get(name, "")) > LONGEST:
                    holder[name] = holder[name][:LONGEST] + CUT
            for name in [name for name in data if len(str(data[name])) > 100 * LONGEST]:
                data[name] = CUT
        return cell, resources
