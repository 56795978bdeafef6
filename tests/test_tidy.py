"""Notebooks are stored in the one form without being run."""

import nbformat
import tidy
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output


def test_images_timings_and_ids_go_and_printed_words_stay(tmp_path):
    picture = new_output("display_data", {"image/png": "aGVsbG8=", "text/plain": "<Figure>"})
    cell = new_code_cell("print(1)", execution_count=7, id="random")
    cell.outputs = [new_output("stream", name="stdout", text="1\n"), picture]
    cell.metadata = {"execution": {"iopub.execute_input": "2026-01-01"}, "tags": ["hide-input"]}
    path = tmp_path / "a.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# A"), cell]), path)
    assert tidy.tidy_file(path)
    stored = nbformat.read(path, as_version=4).cells[1]
    assert "aGVsbG8=" not in path.read_text(encoding="utf-8")
    assert stored.metadata == {"tags": ["hide-input"]}
    assert stored.outputs[0].text == "1\n" and stored.id != "random"
    before = path.read_bytes()
    assert not tidy.tidy_file(path)  # a second time changes nothing
    assert path.read_bytes() == before
