"""The question banks: what a learning platform reads, and that each question is the page's."""

import ast
import io
import itertools
import json
import re
import sys
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import nbformat
import pytest
from solutions import split_solutions

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools" / "coursework"))
import quiz

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
BANK = json.loads(quiz.BANK.read_text(encoding="utf-8"))
ENTRIES = [(chapter, entry) for chapter, entries in BANK.items() for entry in entries]
NAMED = [f"{chapter}-{entry['id']}" for chapter, entry in ENTRIES]
NUMBER = re.compile(r"(?<![\w.,-])-?(?:\d[\d,]*)?\.?\d+(?:e-?\d+)?(?!\w)")
FORMULA = re.compile(r"\$[^$]+\$")
Q1, Q2, CP = (f"{{{space}}}" for space in (quiz.QTI1, quiz.QTI2, quiz.PACKAGE))
# What a question may consist of in the systems; nothing that runs, and nothing to load.
TAGS = set(["p", "code", "em", "strong", "ul", "ol", "li", "pre", "div"])


@pytest.fixture(scope="module")
def chapters():
    return quiz.read_chapters()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("quiz")
    quiz.write_quizzes(made)
    return made


@pytest.fixture(scope="module")
def everything(chapters):
    return [question for _, questions in chapters.values() for question in questions]


def squeezed(text):
    return " ".join(text.split())


def page_of(chapter):
    """A chapter's text and outputs without its solutions, which students' pages do not have."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{chapter}.ipynb", as_version=4)
    cells = [
        cell for part, inside in split_solutions(notebook.cells) if not inside for cell in part
    ]
    text = "\n".join(quiz.plain(cell.source) for cell in cells if cell.cell_type == "markdown")
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    printed = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in outputs]
    return squeezed(text), squeezed("\n".join(printed))


def numbers(text):
    """Numbers in a text: 1,000 and 1000 are the same, as are .05 and 0.05."""
    return {float(found.replace(",", "")) for found in NUMBER.findall(text)}


def computed(sums):
    """Result of each sum, such as "1 - 30 / 40", rounded so that 0.1 + 0.2 is 0.3."""
    allowed = {"__builtins__": {"round": round}}
    return {result: round(float(eval(sum_, allowed)), 9) for result, sum_ in sums.items()}


def elements(content):
    """All elements of an XML file."""
    return list(ET.fromstring(content).iter())


def files_of(packed):
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def check_html(text):
    """HTML is well-formed, has only plain elements, and nothing that only the book understands."""
    made = ET.fromstring(f"<div>{text}</div>")
    assert {element.tag for element in made.iter()} <= TAGS
    assert not [element.attrib for element in made.iter() if element.attrib]
    assert text.count(r"\(") == text.count(r"\)")
    seen = "".join(part for part in made.itertext())
    left = re.search(r"\{[\w:]+\}|``|\]\(|\$", re.sub(r"\\\(.*?\\\)", "", seen))
    assert left is None, seen
    return seen


# Is each question the page's?


def test_every_chapter_has_questions_of_both_kinds(chapters):
    assert list(chapters) == CHAPTERS == sorted(BANK)
    for chapter, (title, questions) in chapters.items():
        kinds = [question.kind for question in questions]
        assert title
        assert kinds.count("words") >= 1, chapter
        assert 3 <= len(kinds) - kinds.count("words") <= 5, chapter


def test_questions_in_words_are_all_of_the_pages(chapters):
    for chapter, (_, questions) in chapters.items():
        source = (ROOT / "notebooks" / f"{chapter}.ipynb").read_text(encoding="utf-8")
        words = [question for question in questions if question.kind == "words"]
        assert len(words) == len(re.findall(r'"```+\{dropdown\} ', source)), chapter
        for question in words:
            assert json.dumps(question.text, ensure_ascii=False)[1:-1] in source
            assert question.why.strip()
            assert "dropdown" not in question.why


@pytest.mark.parametrize(("chapter", "entry"), ENTRIES, ids=NAMED)
def test_a_question_rests_on_its_page(chapter, entry):
    text, printed = page_of(chapter)
    quotes, lines = entry.get("page", []), entry.get("outputs", [])
    assert quotes or lines
    for quote in quotes:
        assert squeezed(quote) in text, quote
    for line in lines:
        assert squeezed(line) in printed, line
    sums = entry.get("sums", {})
    assert computed(sums) == {result: float(result) for result in sums}
    # 0 and 1 are where scores begin and end.
    known = {0, 1} | numbers(" ".join([*quotes, *lines, *entry.get("made_up", [])]))
    known |= {float(result) for result in sums}
    said = [entry["text"], entry["why"], entry.get("right", "")]
    said += [slip["feedback"] for slip in entry.get("wrong", []) + entry.get("mistakes", [])]
    for part in said:
        assert numbers(FORMULA.sub("", part)) <= known, part
    if entry["kind"] == "number":
        assert float(entry["answer"]) in known


@pytest.mark.parametrize(("chapter", "entry"), ENTRIES, ids=NAMED)
def test_sums_add_up_from_numbers_that_are_known(chapter, entry):
    known = numbers(" ".join([*entry.get("page", []), *entry.get("outputs", [])]))
    known |= {float(number) for number in entry.get("made_up", [])}
    results = {float(result) for result in entry.get("sums", {})}
    for sum_ in entry.get("sums", {}).values():
        nodes = ast.walk(ast.parse(sum_))
        used = {float(node.value) for node in nodes if isinstance(node, ast.Constant)}
        # 1, 2, a half and 100 belong to formulas: shares, squares, roots, per cent.
        assert used <= known | results | {0.5, 1, 2, 3, 4, 100}, sum_


def test_a_wrong_number_is_found():
    chapter, entry = next((c, e) for c, e in ENTRIES if e["id"] == "hidden-share")
    broken = entry | {"why": entry["why"].replace("72", "73")}
    assert broken["why"] != entry["why"]
    with pytest.raises(AssertionError):
        test_a_question_rests_on_its_page(chapter, broken)
    with pytest.raises(AssertionError):
        test_a_question_rests_on_its_page(
            chapter, entry | {"outputs": ["on the map: 1532 of 5438"]}
        )


def test_questions_do_not_say_their_answers(everything):
    for question in everything:
        asked = quiz.plain(question.text)
        if question.kind == "choice":
            assert question.choices[0][0].rstrip(".").lower() not in asked.lower(), question.id
        elif question.kind == "number":
            assert question.answer not in numbers(FORMULA.sub("", asked)), question.id
        else:
            assert squeezed(question.why)[:40] not in squeezed(asked), question.id


def test_mistakes_are_mistakes(everything):
    for question in everything:
        if question.kind == "number":
            for value, feedback in question.mistakes:
                assert abs(value - question.answer) > 2 * question.tolerance, question.id
                assert feedback
        elif question.kind == "choice":
            assert len(question.choices) == 4, question.id
            assert all(feedback for _, feedback in question.choices[1:]), question.id


def test_the_right_choice_stands_anywhere_and_is_not_known_by_its_length(everything):
    choices = [question for question in everything if question.kind == "choice"]
    places = [[key for key, *_ in q.shuffled()].index("choice0") for q in choices]
    assert all(places.count(place) > len(choices) / 8 for place in range(4))
    longest = [max(q.choices, key=lambda c: len(c[0])) is q.choices[0] for q in choices]
    assert sum(longest) < 0.4 * len(longest)


def test_numbers_are_accepted_in_the_usual_spellings():
    made = quiz.Question("q", "q", "number", "", "", answer=0.25, tolerance=0.001)
    assert made.spellings()[:3] == ["0.25", "0,25", ".25"]
    made = quiz.Question("q", "q", "number", "", "", answer=2860, tolerance=0)
    assert made.spellings()[:2] == ["2860", "2,860"]


# What the systems read


def test_moodle(folder, everything):
    for chapter in ["all", *CHAPTERS]:
        quiz_ = ET.fromstring((folder / "moodle" / f"{chapter}.xml").read_bytes())
        assert quiz_.tag == "quiz"
        assert quiz_[0].get("type") == "category"
        for made in quiz_.findall("question"):
            kind = made.get("type")
            if kind == "category":
                path = made.findtext("category/text")
                assert path.startswith("$course$/top/") and path.count("/") == 4
                continue
            check_html(made.findtext("questiontext/text"))
            assert check_html(made.findtext("generalfeedback/text"))
            assert made.findtext("name/text") and made.findtext("defaultgrade") == "1"
            fractions = [float(answer.get("fraction")) for answer in made.findall("answer")]
            if kind == "essay":
                assert fractions == []
                assert check_html(made.findtext("graderinfo/text"))
            else:
                assert sum(fractions) == 100 and fractions.count(100) == 1
                for answer in made.findall("answer"):
                    said = check_html(answer.findtext("feedback/text") or "")
                    assert bool(said) == (answer.get("fraction") == "0")
            if kind == "multichoice":
                assert made.findtext("single") == "true"
                texts = [check_html(text.text) for text in made.findall("answer/text")]
                assert len(set(texts)) == 4
            elif kind == "numerical":
                assert fractions[0] == 100  # the first that fits counts
                assert all(float(t.text) >= 0 for t in made.findall("answer/tolerance"))
            else:
                assert kind == "essay"
    every = ET.fromstring((folder / "moodle" / "all.xml").read_bytes())
    ids = [found.text for found in every.iter("idnumber")]
    assert ids == [question.id for question in everything]
    assert len(set(ids)) == len(ids)


def check_manifest(files):
    manifest = ET.fromstring(files["imsmanifest.xml"])
    assert manifest.tag == f"{CP}manifest"
    assert manifest.find(f"{CP}metadata/{CP}schema") is not None
    assert manifest.find(f"{CP}organizations") is not None
    resources = manifest.findall(f"{CP}resources/{CP}resource")
    names = [found.get("href") for resource in resources for found in resource.iter(f"{CP}file")]
    assert sorted(names) == sorted(set(files) - {"imsmanifest.xml"})
    assert all(resource.get("href") in names for resource in resources)
    ids = [resource.get("identifier") for resource in resources]
    assert len(set(ids)) == len(ids)
    parts = {part.get("identifierref") for part in manifest.iter(f"{CP}dependency")}
    assert parts <= set(ids)
    for name in ids:
        assert re.fullmatch(r"[A-Za-z_][\w.-]*", name)
    return resources


def test_canvas(folder, everything):
    for chapter in ["all", *CHAPTERS]:
        files = files_of((folder / "canvas" / f"{chapter}.zip").read_bytes())
        resources = check_manifest(files)
        assert {resource.get("type") for resource in resources} == {"imsqti_xmlv1p2"}
        assert len(resources) == (len(CHAPTERS) if chapter == "all" else 1)
        items = [
            item
            for resource in resources
            for item in elements(files[resource.get("href")])
            if item.tag == f"{Q1}item"
        ]
        expected = [q for q in everything if chapter == "all" or q.id.startswith(f"{chapter}-")]
        assert [item.get("ident") for item in items] == [f"q-{q.id}" for q in expected]
        for item, question in zip(items, expected, strict=True):
            check_canvas(item, question)


def check_canvas(item, question):
    order = [child.tag.removeprefix(Q1) for child in item]
    assert order[:3] == ["itemmetadata", "presentation", "resprocessing"]
    assert set(order[3:]) == {"itemfeedback"}
    fields = {pair[0].text: pair[1].text for pair in item.iter(f"{Q1}qtimetadatafield")}
    kinds = {"words": "essay", "choice": "multiple_choice", "number": "numerical"}
    assert fields["question_type"] == f"{kinds[question.kind]}_question"
    for text in item.iter(f"{Q1}mattext"):
        assert text.get("texttype") == "text/html"
        assert check_html(text.text)
    asked = item.find(f"{Q1}presentation/{Q1}material/{Q1}mattext").text
    assert asked == quiz.to_html(question.text)
    given = [feedback.get("ident") for feedback in item.iter(f"{Q1}itemfeedback")]
    linked = [found.get("linkrefid") for found in item.iter(f"{Q1}displayfeedback")]
    assert sorted(given) == sorted(linked) and len(set(given)) == len(given)
    scored = [
        condition
        for condition in item.iter(f"{Q1}respcondition")
        if condition.find(f"{Q1}setvar") is not None
    ]
    assert [c.findtext(f"{Q1}setvar") for c in scored] == ["100"] * (question.kind != "words")
    if question.kind == "choice":
        labels = {
            label.get("ident"): label.find(f".//{Q1}mattext").text
            for label in item.iter(f"{Q1}response_label")
        }
        right = scored[0].findtext(f"{Q1}conditionvar/{Q1}varequal")
        assert labels[right] == quiz.to_inline(question.choices[0][0])
        assert len(labels) == 4 and len(given) == 4
    elif question.kind == "number":
        # Canvas takes every number in a condition for a right answer.
        assert [float(found.text) for found in item.iter(f"{Q1}varequal")] == [question.answer]
        low, high = item.find(f".//{Q1}vargte"), item.find(f".//{Q1}varlte")
        assert float(low.text) <= question.answer <= float(high.text)


def test_blackboard(folder, everything):
    for chapter in ["all", *CHAPTERS]:
        files = files_of((folder / "blackboard" / f"{chapter}.zip").read_bytes())
        resources = check_manifest(files)
        tests = [r for r in resources if r.get("type") == "imsqti_test_xmlv2p1"]
        assert len(tests) == (len(CHAPTERS) if chapter == "all" else 1)
        names = [
            reference.get("href")
            for test in tests
            for reference in elements(files[test.get("href")])
            if reference.tag == f"{Q2}assessmentItemRef"
        ]
        expected = [q for q in everything if chapter == "all" or q.id.startswith(f"{chapter}-")]
        assert names == [f"items/q-{q.id}.xml" for q in expected]
        for name, question in zip(names, expected, strict=True):
            check_blackboard(ET.fromstring(files[name]), question)


def check_blackboard(item, question):
    assert item.tag == f"{Q2}assessmentItem"
    assert item.get("identifier") == f"q-{question.id}"
    order = [child.tag.removeprefix(Q2) for child in item]
    needed = ["responseDeclaration", "outcomeDeclaration", "itemBody", "responseProcessing"]
    assert order == needed[: 3 if question.kind == "words" else 4]
    processing = item.find(f"{Q2}responseProcessing")
    # Blackboard skips items with a processing of their own.
    assert processing is None or (len(processing) == 0 and processing.get("template"))
    right = [value.text for value in item.iterfind(f".//{Q2}correctResponse/{Q2}value")]
    keys = [entry.get("mapKey") for entry in item.iter(f"{Q2}mapEntry")]
    body = item.find(f"{Q2}itemBody")
    seen = squeezed("".join(body[0].itertext()))
    assert seen == squeezed(check_html(quiz.to_html(question.text)))
    if question.kind == "choice":
        choices = {c.get("identifier"): c for c in body.iter(f"{Q2}simpleChoice")}
        assert len(choices) == 4 and len(right) == 1
        said = squeezed("".join(choices[right[0]].itertext()))
        assert said == squeezed(check_html(quiz.to_inline(question.choices[0][0])))
    elif question.kind == "number":
        assert right[0] in keys and keys == question.spellings()
        assert body.find(f".//{Q2}textEntryInteraction") is not None
    else:
        assert right == [] and body.find(f"{Q2}extendedTextInteraction") is not None


def test_answers_are_for_teachers_and_nothing_runs_in_them(folder, everything):
    page = (folder / "answers.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page and "<script" not in page
    root = ET.fromstring(page.removeprefix("<!DOCTYPE html>"))
    assert len(root.findall("body/h3")) == len(everything)


def test_the_same_questions_make_the_same_files(folder, tmp_path):
    (tmp_path / "moodle").mkdir()
    (tmp_path / "moodle" / "99_gone.xml").write_text("<quiz/>")
    quiz.write_quizzes(tmp_path)
    made = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*.*")}
    assert made == {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.*")}


# Markdown


def test_markdown_becomes_html():
    made = quiz.to_html(r"The {term}`runs <run>` of `X` {cite:p}`a2020`, $a < b$; [here](x.ipynb).")
    assert made == r"<p>The runs of <code>X</code>, \(a &lt; b\); here.</p>"
    assert quiz.to_html("$$\na & b\n$$") == r"<p>\[a &amp; b\]</p>"
    assert "<script" not in quiz.to_html("<script>alert(1)</script>")
    assert quiz.to_inline("*so*") == "<em>so</em>"


# What cannot be read


def written(tmp_path, bank, text=f"# T\n{quiz.HEADING}\n```{{dropdown}} Why?\nSo.\n```"):
    (tmp_path / "notebooks").mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])
    nbformat.write(notebook, tmp_path / "notebooks" / "01_a.ipynb")
    (tmp_path / "bank.json").write_text(bank, encoding="utf-8")
    return {"book": tmp_path, "bank": tmp_path / "bank.json"}


NUMERIC = {"id": "n", "kind": "number", "text": "?", "why": "."}
NUMERIC |= {"answer": 1, "tolerance": 0, "mistakes": []}


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"01_a": [NUMERIC | {"kind": "essay"}]}, "the kind \"?'?essay"),
        ({"01_a": [{k: v for k, v in NUMERIC.items() if k != "why"}]}, "lacks why"),
        ({"01_a": [NUMERIC, NUMERIC]}, "the same id"),
        ({"01_a": [NUMERIC | {"mistakes": [{"value": 1, "feedback": "."}]}]}, "answer twice"),
        ({"02_b": []}, "02_b, which is no chapter"),
    ],
)
def test_a_bank_with_a_mistake_is_refused_in_a_sentence(tmp_path, entries, words):
    places = written(tmp_path, json.dumps(entries))
    with pytest.raises(quiz.CourseError, match=words):
        quiz.write_quizzes(tmp_path / "quiz", **places)
    assert not (tmp_path / "quiz").exists()


def test_other_things_that_cannot_be_read(tmp_path, monkeypatch):
    with pytest.raises(quiz.CourseError, match="no chapters"):
        quiz.read_chapters(tmp_path)
    places = written(tmp_path, "{", text="# T\nNo question.")
    with pytest.raises(quiz.CourseError, match="cannot be read"):
        quiz.read_chapters(**places)
    places["bank"].write_text("{}", encoding="utf-8")
    with pytest.raises(quiz.CourseError, match="01_a has no questions"):
        quiz.read_chapters(**places)


def test_the_command_says_how_many(tmp_path, capsys):
    quiz.main(["--folder", str(tmp_path)])
    counts = [int(found) for found in re.findall(r"\d+", capsys.readouterr().out.splitlines()[0])]
    assert counts[0] == len(CHAPTERS) and counts[1] == sum(counts[2:])
    assert counts[2] + counts[3] == len(list(itertools.chain(*BANK.values())))
