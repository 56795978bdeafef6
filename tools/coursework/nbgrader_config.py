"""Settings of nbgrader for this course; nbgrader reads them in the folder it is called in."""

import sys
from pathlib import Path

from nbgrader.converters import Autograde

sys.path.insert(0, str(Path(__file__).resolve().parent))
import preparing

c = get_config()  # noqa: F821  (nbgrader provides it)
c.CourseDirectory.course_id = "visual-encoding"

# Seconds a cell may take; the reference solutions take less than five.
c.ExecutePreprocessor.timeout = 60
# A warning in a test is no error; nbgrader takes anything on stderr for one.
c.IgnorePattern.enabled, c.IgnorePattern.pattern = True, "Warning"
# Before a submission is graded: the recording and the truth of its student.
c.Autograde.pre_convert_hook = preparing.prepare_twin
# First of all: cells that a submission has twice or lacks. After the cells have run: no more of an
# output than somebody can read.
steps = Autograde.sanitize_preprocessors.default_args[0]
c.Autograde.sanitize_preprocessors = [preparing.KeepLastCell, preparing.PutBackCells, *steps]
steps = Autograde.autograde_preprocessors.default_args[0]
c.Autograde.autograde_preprocessors = [steps[0], preparing.CutOutput, *steps[1:]]
c.ClearSolutions.code_stub = {
    "python": "# YOUR CODE HERE\n"
    'raise NotImplementedError("Not answered yet: write your code and delete this line.")'
}
# Downloaded files are named STUDENT__FILE, such as mia__assignment_a.ipynb.
c.FileNameCollectorPlugin.named_regexp = r".*[/\\](?P<student_id>\w[\w.-]*?)__(?P<file_id>[^/]+)"
