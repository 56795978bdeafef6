r"""Write the chapters' questions as question banks for Moodle, Canvas and Blackboard.

    python tools/coursework/quiz.py

writes the folder ``tools/coursework/quiz``, with one file a chapter and one for all:

- ``moodle/*.xml``, Moodle XML. https://docs.moodle.org/en/Moodle_XML_format describes it, and
  ``question/format/xml/format.php`` of https://github.com/moodle/moodle reads it.
- ``canvas/*.zip``, QTI 1.2 as Canvas exports and imports it: see the items and manifests in
  ``spec/fixtures`` of https://github.com/instructure/qti, the importer of its New Quizzes, and
  https://github.com/gpoore/text2qti, whose packages its other quizzes import.
- ``blackboard/*.zip``, QTI 2.1 (https://www.imsglobal.org/question/). Blackboard's help on QTI
  packages (https://help.blackboard.com, node 29076) names the kinds of questions that it imports,
  without numbers, and says that it skips questions with a response processing of their own. So a
  number is here a blank with its spellings, and wrong choices come without feedback.
- ``answers.html``, all questions with their answers, for whoever teaches.

Two kinds of questions are in them. Those in words stand at the end of each chapter, where their
answers unfold; somebody has to mark them, and the page's answer comes as feedback. Those that the
system can mark are in ``questions.json``, with the sentences of the page and the lines of its
outputs that they rest on. A test compares these.
"""

import argparse
import html
import io
import json
import random
import re
import shutil
import sys
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from preparing import CourseError

BOOK = Path(__file__).resolve().parents[2]
BANK = Path(__file__).with_name("questions.json")
FOLDER = Path(__file__).with_name("quiz")
TITLE = "Encoding Models of Visual Cortex"
HEADING = "## Check your understanding"
DROPDOWN = re.compile(r"^(?P<fence>`{3,})\{dropdown\} (.+?)\n(.*?)\n(?P=fence)$", re.M | re.S)
TERM = re.compile(r"\{term\}`([^`<]+?)\s*(?:<[^`]*>)?`")
CITATION = re.compile(r"\s*\{cite:\w+\}`[^`]*`")
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
NEEDED = {
    "choice": {"id", "kind", "text", "right", "wrong", "why"},
    "number": {"id", "kind", "text", "answer", "tolerance", "mistakes", "why"},
}

QTI1 = "http://www.imsglobal.org/xsd/ims_qtiasiv1p2"
QTI2 = "http://www.imsglobal.org/xsd/imsqti_v2p1"
PACKAGE = "http://www.imsglobal.org/xsd/imscp_v1p1"
TEMPLATES = "http://www.imsglobal.org/question/qti_v2p1/rptemplates/"
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = "body { max-width: 46em; margin: 2em auto; padding: 0 1em; font: 16px/1.5 sans-serif }"


@dataclass
class Question:
    """A question of a chapter; texts are Markdown.

    Attributes
    ----------
    id : str
        Unique in the book: chapter and name.
    name : str
        What a list of questions shows.
    kind : str
        ``"words"``, ``"choice"`` or ``"number"``.
    text, why : str
        The question, and what to say about its answer afterwards.
    choices : list of (str, str)
        The right one first, and what to say to those who chose one of the others.
    answer, tolerance : float
        The right number, and how far from it is still right.
    mistakes : list of (float, str)
        Numbers that a mistake leads to, and what to say about each.
    """

    id: str
    name: str
    kind: str
    text: str
    why: str
    choices: list = field(default_factory=list)
    answer: float = 0.0
    tolerance: float = 0.0
    mistakes: list = field(default_factory=list)

    def shuffled(self):
        """Choices in an order that stays the same, with the right one anywhere."""
        order = list(range(len(self.choices)))
        random.Random(self.id).shuffle(order)
        return [(f"choice{i}", *self.choices[i]) for i in order]

    def spellings(self):
        """Ways to write the right number: rounded as far as that is right, with comma or point."""
        found = []
        for digits in range(4):
            number = round(self.answer, digits)
            if abs(number - self.answer) <= self.tolerance + 1e-12:
                text = f"{number:.{digits}f}"
                found += [text, text.replace(".", ",")]
                found += [f"{int(number):,}"] if digits == 0 else []
                found += [text[1:]] if text.startswith("0.") else []
        return list(dict.fromkeys(found))


def plain(text):
    """Return a page's Markdown without what only the book understands.

    Parameters
    ----------
    text : str
        MyST Markdown: terms of the glossary, citations, links to other pages.

    Returns
    -------
    str
        The words of terms and links; citations are gone.
    """
    return LINK.sub(r"\1", CITATION.sub("", TERM.sub(r"\1", text)))


def converter():
    r"""Return what turns Markdown into HTML, with formulas as ``\(...\)`` and no raw HTML."""
    made = MarkdownIt("commonmark", {"html": False}).use(dollarmath_plugin)

    def inline(_self, tokens, index, _options, _env):
        return rf"\({html.escape(tokens[index].content)}\)"

    def block(_self, tokens, index, _options, _env):
        return rf"<p>\[{html.escape(tokens[index].content.strip())}\]</p>"

    made.add_render_rule("math_inline", inline)
    made.add_render_rule("math_block", block)
    return made


MARKDOWN = converter()


def to_html(text):
    """Return Markdown as HTML that is well-formed XML, in paragraphs."""
    return MARKDOWN.render(plain(text)).strip()


def to_inline(text):
    """Return Markdown of one paragraph as HTML without the paragraph."""
    return MARKDOWN.renderInline(plain(text)).strip()


def questions_in_words(chapter, notebook):
    """Find the questions whose answers unfold at the end of a chapter.

    Parameters
    ----------
    chapter : str
        Name of the notebook's file, without suffix.
    notebook : nbformat.NotebookNode
        The chapter.

    Returns
    -------
    list of Question
        In the order of the page.

    Raises
    ------
    CourseError
        If the chapter has none.
    """
    texts = [cell.source for cell in notebook.cells if HEADING in cell.source]
    found = [match for text in texts for match in DROPDOWN.finditer(text.split(HEADING)[1])]
    if not found:
        raise CourseError(
            f'{chapter} has no questions; write some below "{HEADING}", each as a dropdown.'
        )
    return [
        Question(f"{chapter}-words-{i}", f"In words, {i}", "words", match[2], match[3])
        for i, match in enumerate(found, 1)
    ]


def questions_to_mark(chapter, entries):
    """Read a chapter's part of the bank.

    Parameters
    ----------
    chapter : str
        Name of the notebook's file, without suffix.
    entries : list of dict
        What ``questions.json`` has for it.

    Returns
    -------
    list of Question
        In the order of the bank.

    Raises
    ------
    CourseError
        If something is missing in a question, or stands in it twice.
    """
    made = []
    for entry in entries:
        where = f"Question {entry.get('id')!r} of {chapter} in questions.json"
        needed = NEEDED.get(entry.get("kind"))
        if needed is None:
            raise CourseError(
                f'{where} has the kind {entry.get("kind")!r}; say "choice" or "number".'
            )
        if lacking := sorted(needed - set(entry)):
            raise CourseError(f"{where} lacks {', '.join(lacking)}; add it.")
        question = Question(
            f"{chapter}-{entry['id']}",
            entry["id"].replace("-", " ").capitalize(),
            entry["kind"],
            entry["text"],
            entry["why"],
        )
        if question.kind == "choice":
            wrong = [(choice["text"], choice["feedback"]) for choice in entry["wrong"]]
            question.choices = [(entry["right"], ""), *wrong]
            values = [text for text, _ in question.choices]
        else:
            question.answer, question.tolerance = entry["answer"], entry["tolerance"]
            question.mistakes = [(slip["value"], slip["feedback"]) for slip in entry["mistakes"]]
            values = [question.answer, *(value for value, _ in question.mistakes)]
        if len(set(values)) < len(values):
            raise CourseError(f"{where} has the same answer twice; leave one out.")
        made.append(question)
    if len({question.id for question in made}) < len(made):
        raise CourseError(f"Two questions of {chapter} in questions.json have the same id.")
    return made


def read_chapters(book=BOOK, bank=BANK):
    """Read every chapter's questions.

    Parameters
    ----------
    book : path
        The book's folder, with ``notebooks``.
    bank : path
        The file of questions that a system can mark.

    Returns
    -------
    dict of str to (str, list of Question)
        Title and questions of each chapter, by the name of its notebook; those that a system can
        mark come first.

    Raises
    ------
    CourseError
        If there is no chapter, one has no questions, or the bank names one that there is not.
    """
    paths = sorted(Path(book, "notebooks").glob("*.ipynb"))
    if not paths:
        raise CourseError(f"{book} has no chapters in notebooks/; give the book's folder.")
    try:
        entries = json.loads(Path(bank).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise CourseError(f"The bank {bank} cannot be read: {error}.") from error
    if unknown := sorted(set(entries) - {path.stem for path in paths}):
        raise CourseError(f"{Path(bank).name} has questions of {unknown[0]}, which is no chapter.")
    chapters = {}
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        title = re.search(r"^# (.+)$", notebook.cells[0].source, re.M)[1]
        number = re.match(r"(\d\d)_", path.stem)
        chapters[path.stem] = (
            f"{number[1]} {title}" if number else title,
            questions_to_mark(path.stem, entries.get(path.stem, []))
            + questions_in_words(path.stem, notebook),
        )
    return chapters


def add(parent, tag, text=None, **attributes):
    """Add an element to another and return it; ``_`` behind a name avoids Python's words."""
    made = ET.SubElement(parent, tag, {k.rstrip("_"): str(v) for k, v in attributes.items()})
    made.text = text
    return made


def to_bytes(root):
    """Return an XML file."""
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def shown(number):
    """Write a number as a student would: 2860, not 2860.0."""
    return f"{number:.10g}"


# Moodle


def _moodle_text(parent, tag, markdown, **attributes):
    made = add(parent, tag, format="html", **attributes)
    add(made, "text", to_html(markdown))
    return made


def _moodle_answer(parent, text, fraction, feedback, tolerance=None, **attributes):
    made = add(parent, "answer", fraction=fraction, **attributes)
    add(made, "text", text)
    _moodle_text(made, "feedback", feedback)
    if tolerance is not None:
        add(made, "tolerance", shown(tolerance))


def moodle_question(quiz, question):
    """Add a question to the root of a file in Moodle XML.

    Parameters
    ----------
    quiz : xml.etree.ElementTree.Element
        The root.
    question : Question
        The question.
    """
    kinds = {"words": "essay", "choice": "multichoice", "number": "numerical"}
    made = add(quiz, "question", type=kinds[question.kind])
    add(add(made, "name"), "text", question.name)
    _moodle_text(made, "questiontext", question.text)
    _moodle_text(made, "generalfeedback", question.why)
    add(made, "defaultgrade", "1")
    add(made, "penalty", "0.3333333")
    add(made, "hidden", "0")
    add(made, "idnumber", question.id)
    if question.kind == "words":
        add(made, "responseformat", "editor")
        add(made, "responserequired", "1")
        add(made, "responsefieldlines", "10")
        add(made, "attachments", "0")
        _moodle_text(made, "graderinfo", question.why)
    elif question.kind == "choice":
        add(made, "single", "true")
        add(made, "shuffleanswers", "true")
        add(made, "answernumbering", "abc")
        for key, text, feedback in question.shuffled():
            right = key == "choice0"
            _moodle_answer(made, to_html(text), 100 if right else 0, feedback, format="html")
    else:
        # Moodle takes the first answer that fits, so a mistake never hides the right one.
        _moodle_answer(made, shown(question.answer), 100, "", question.tolerance)
        for value, feedback in question.mistakes:
            near = max(question.tolerance, 0.01 * abs(value)) if question.tolerance else 0
            near = min(near, abs(value - question.answer) / 2)
            _moodle_answer(made, shown(value), 0, feedback, near)


def moodle(chapters):
    """Return chapters' questions in Moodle XML.

    Parameters
    ----------
    chapters : dict of str to (str, list of Question)
        Of `read_chapters`.

    Returns
    -------
    bytes
        The file. Each chapter has a category for what Moodle marks, and one for what you mark.
    """
    quiz = ET.Element("quiz")
    for title, questions in chapters.values():
        for words, room in ((False, "marked by Moodle"), (True, "in words")):
            chosen = [q for q in questions if (q.kind == "words") == words]
            if not chosen:
                continue
            # A slash within a name is written twice.
            path = [name.replace("/", "//") for name in (TITLE, title, room)]
            category = add(add(quiz, "question", type="category"), "category")
            add(category, "text", "/".join(["$course$", "top", *path]))
            for question in chosen:
                moodle_question(quiz, question)
    return to_bytes(quiz)


# Canvas: QTI 1.2


def _material(parent, markdown, inline=False):
    text = to_inline(markdown) if inline else to_html(markdown)
    add(add(parent, "material"), "mattext", text, texttype="text/html")


def _condition(parent, feedback=None, score=False, continue_="No"):
    made = add(parent, "respcondition", continue_=continue_)
    condition = add(made, "conditionvar")
    if score:
        add(made, "setvar", "100", action="Set", varname="SCORE")
    if feedback:
        add(made, "displayfeedback", feedbacktype="Response", linkrefid=feedback)
    return condition


def _feedback(item, name, markdown):
    made = add(item, "itemfeedback", ident=name)
    _material(add(made, "flow_mat"), markdown)


def canvas_item(section, question):
    """Add a question to a section of QTI 1.2.

    Parameters
    ----------
    section : xml.etree.ElementTree.Element
        The section.
    question : Question
        The question.
    """
    item = add(section, "item", ident=f"q-{question.id}", title=question.name)
    data = add(add(item, "itemmetadata"), "qtimetadata")
    kinds = {"words": "essay", "choice": "multiple_choice", "number": "numerical"}
    for label, entry in (
        ("question_type", f"{kinds[question.kind]}_question"),
        ("points_possible", "1.0"),
        ("assessment_question_identifierref", f"bank-{question.id}"),
    ):
        pair = add(data, "qtimetadatafield")
        add(pair, "fieldlabel", label)
        add(pair, "fieldentry", entry)
    presentation = add(item, "presentation")
    _material(presentation, question.text)
    if question.kind == "choice":
        response = add(presentation, "response_lid", ident="response1", rcardinality="Single")
        choices = add(response, "render_choice")
        for key, text, _ in question.shuffled():
            _material(add(choices, "response_label", ident=key), text, inline=True)
    else:
        response = add(presentation, "response_str", ident="response1", rcardinality="Single")
        blank = add(response, "render_fib")
        if question.kind == "number":
            blank.set("fibtype", "Decimal")
        add(blank, "response_label", ident="answer1", rshuffle="No")

    marking = add(item, "resprocessing")
    score = {"varname": "SCORE", "vartype": "Decimal", "minvalue": 0, "maxvalue": 100}
    add(add(marking, "outcomes"), "decvar", **score)
    add(_condition(marking, "general_fb", continue_="Yes"), "other")
    _feedback(item, "general_fb", question.why)
    if question.kind == "words":
        add(_condition(marking), "other")
    elif question.kind == "choice":
        for key, _, feedback in question.shuffled():
            if key != "choice0":  # its feedback is the general one
                condition = _condition(marking, f"{key}_fb", continue_="Yes")
                add(condition, "varequal", key, respident="response1")
                _feedback(item, f"{key}_fb", feedback)
        add(_condition(marking, score=True), "varequal", "choice0", respident="response1")
    else:
        either = add(_condition(marking, score=True), "or")
        add(either, "varequal", shown(question.answer), respident="response1")
        both = add(either, "and")
        low, high = question.answer - question.tolerance, question.answer + question.tolerance
        add(both, "vargte", shown(low), respident="response1")
        add(both, "varlte", shown(high), respident="response1")
        if question.mistakes:
            # Canvas reads each condition with a number as a right answer, so all mistakes share
            # the feedback to a wrong one.
            add(_condition(marking, "general_incorrect_fb", continue_="Yes"), "other")
            lines = [f"- {shown(value)}? {feedback}" for value, feedback in question.mistakes]
            _feedback(item, "general_incorrect_fb", "\n".join(["Is this your answer?", *lines]))


def canvas(chapters):
    """Return chapters' questions as a package of QTI 1.2.

    Parameters
    ----------
    chapters : dict of str to (str, list of Question)
        Of `read_chapters`.

    Returns
    -------
    bytes
        The zip file, with a quiz for each chapter.
    """
    files, resources = {}, []
    for chapter, (title, questions) in chapters.items():
        root = ET.Element("questestinterop", xmlns=QTI1)
        test = add(root, "assessment", ident=f"quiz-{chapter}", title=title)
        pair = add(add(test, "qtimetadata"), "qtimetadatafield")
        add(pair, "fieldlabel", "cc_maxattempts")
        add(pair, "fieldentry", "1")
        section = add(test, "section", ident="root_section")
        for question in questions:
            canvas_item(section, question)
        name = f"quiz-{chapter}/quiz-{chapter}.xml"
        files[name] = to_bytes(root)
        resources.append((f"quiz-{chapter}", "imsqti_xmlv1p2", name, []))
    return package(files, resources, "IMS Content", "1.1.3")


# Blackboard: QTI 2.1


def _body(parent, markdown, inline=False):
    """Add HTML as elements: QTI 2.1 has those of XHTML among its own."""
    text = to_inline(markdown) if inline else to_html(markdown)
    made = ET.fromstring(f"<div>{text}</div>")
    if inline:
        parent.text = made.text
        parent.extend(list(made))
    else:
        parent.append(made)


def blackboard_item(question):
    """Return a question as an item of QTI 2.1.

    Parameters
    ----------
    question : Question
        The question.

    Returns
    -------
    bytes
        The XML file.
    """
    names = {"identifier": f"q-{question.id}", "title": question.name}
    settings = {"adaptive": "false", "timeDependent": "false"}
    root = ET.Element("assessmentItem", {"xmlns": QTI2, **names, **settings})
    base = "identifier" if question.kind == "choice" else "string"
    names = {"identifier": "RESPONSE", "cardinality": "single", "baseType": base}
    declared = add(root, "responseDeclaration", **names)
    add(root, "outcomeDeclaration", identifier="SCORE", cardinality="single", baseType="float")
    body = add(root, "itemBody")
    _body(body, question.text)
    if question.kind == "words":
        add(body, "extendedTextInteraction", responseIdentifier="RESPONSE", expectedLines=10)
    elif question.kind == "choice":
        add(add(declared, "correctResponse"), "value", "choice0")
        settings = {"responseIdentifier": "RESPONSE", "shuffle": "true", "maxChoices": 1}
        choices = add(body, "choiceInteraction", **settings)
        for key, text, _ in question.shuffled():
            _body(add(choices, "simpleChoice", identifier=key), text, inline=True)
        add(root, "responseProcessing", template=f"{TEMPLATES}match_correct")
    else:
        add(add(declared, "correctResponse"), "value", question.spellings()[0])
        mapping = add(declared, "mapping", defaultValue=0)
        for spelling in question.spellings():
            add(mapping, "mapEntry", mapKey=spelling, mappedValue=1)
        settings = {"responseIdentifier": "RESPONSE", "expectedLength": 12}
        add(add(body, "p"), "textEntryInteraction", **settings)
        add(root, "responseProcessing", template=f"{TEMPLATES}map_response")
    return to_bytes(root)


def blackboard(chapters):
    """Return chapters' questions as a package of QTI 2.1.

    Parameters
    ----------
    chapters : dict of str to (str, list of Question)
        Of `read_chapters`.

    Returns
    -------
    bytes
        The zip file, with a test for each chapter.
    """
    files, resources = {}, []
    for chapter, (title, questions) in chapters.items():
        root = ET.Element(
            "assessmentTest", {"xmlns": QTI2, "identifier": f"test-{chapter}", "title": title}
        )
        part = {"navigationMode": "nonlinear", "submissionMode": "simultaneous"}
        part = add(root, "testPart", identifier="part1", **part)
        names = {"identifier": "section1", "title": title, "visible": "true"}
        section = add(part, "assessmentSection", **names)
        items = []
        for question in questions:
            name = f"q-{question.id}"
            files[f"items/{name}.xml"] = blackboard_item(question)
            items.append((name, "imsqti_item_xmlv2p1", f"items/{name}.xml", []))
            add(section, "assessmentItemRef", identifier=name, href=f"items/{name}.xml")
        files[f"test-{chapter}.xml"] = to_bytes(root)
        parts = [name for name, *_ in items]
        test = (f"test-{chapter}", "imsqti_test_xmlv2p1", f"test-{chapter}.xml", parts)
        resources += [test, *items]
    return package(files, resources, "QTIv2.1 Package", "1.0.0")


def package(files, resources, schema, version):
    """Return a content package of IMS: files and the manifest that lists them.

    Parameters
    ----------
    files : dict of str to bytes
        Content of each file by its name.
    resources : list of (str, str, str, list of str)
        Identifier, type, name of the file, and identifiers of what belongs to it.
    schema, version : str
        What the package says it is.

    Returns
    -------
    bytes
        The zip file; the same input gives the same bytes.
    """
    root = ET.Element("manifest", xmlns=PACKAGE, identifier="manifest-quiz")
    about = add(root, "metadata")
    add(about, "schema", schema)
    add(about, "schemaversion", version)
    add(root, "organizations")
    listed = add(root, "resources")
    for identifier, kind, name, parts in resources:
        made = add(listed, "resource", identifier=identifier, type=kind, href=name)
        add(made, "file", href=name)
        for part in parts:
            add(made, "dependency", identifierref=part)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"imsmanifest.xml": to_bytes(root), **files}.items():
            # Without a date of now, which would make each package differ from the one before.
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return packed.getvalue()


# For whoever teaches


def answer_sheet(chapters):
    """Return all questions with their answers as a page.

    Parameters
    ----------
    chapters : dict of str to (str, list of Question)
        Of `read_chapters`.

    Returns
    -------
    str
        The page, without scripts; formulas stay as they are written.
    """
    lines = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"/>',
        f"<title>Questions and answers</title>\n<style>{STYLE}</style>\n</head>\n<body>",
        "<h1>Questions and answers</h1>",
    ]
    for title, questions in chapters.values():
        lines.append(f"<h2>{html.escape(title)}</h2>")
        for question in questions:
            lines += [f"<h3>{html.escape(question.name)}</h3>", to_html(question.text)]
            if question.kind == "choice":
                (right, _), *rest = question.choices
                rows = [f"<li><strong>{to_inline(right)}</strong></li>"]
                rows += [f"<li>{to_inline(t)} <em>{to_inline(f)}</em></li>" for t, f in rest]
                lines.append(f"<ul>{''.join(rows)}</ul>")
            elif question.kind == "number":
                around = f" (within {shown(question.tolerance)})" if question.tolerance else ""
                rows = [f"<li><strong>{shown(question.answer)}</strong>{around}</li>"]
                rows += [
                    f"<li>{shown(value)} <em>{to_inline(feedback)}</em></li>"
                    for value, feedback in question.mistakes
                ]
                lines.append(f"<ul>{''.join(rows)}</ul>")
            lines.append(to_html(question.why))
    return "\n".join([*lines, "</body>\n</html>\n"])


SYSTEMS = {"moodle": (moodle, "xml"), "canvas": (canvas, "zip"), "blackboard": (blackboard, "zip")}


def write_quizzes(folder=FOLDER, book=BOOK, bank=BANK):
    """Write the files of every system, in place of earlier ones.

    Parameters
    ----------
    folder : path
        Where to write them; made when missing.
    book, bank : path
        The book's folder, and the file of questions that a system can mark.

    Returns
    -------
    dict of str to (str, list of Question)
        What was written, as from `read_chapters`.

    Raises
    ------
    CourseError
        If a question cannot be read; nothing is written then.
    """
    chapters = read_chapters(book, bank)
    parts = {"all": chapters} | {name: {name: chapters[name]} for name in chapters}
    made = {
        Path(folder, system, f"{name}.{suffix}"): write(part)
        for system, (write, suffix) in SYSTEMS.items()
        for name, part in parts.items()
    }
    for system in SYSTEMS:
        shutil.rmtree(Path(folder, system), ignore_errors=True)
        Path(folder, system).mkdir(parents=True)
    for path, content in made.items():
        path.write_bytes(content)
    sheet = answer_sheet(chapters)
    Path(folder, "answers.html").write_text(sheet, encoding="utf-8", newline="\n")
    return chapters


def main(arguments=None):
    """Write the question banks, and say how many questions there are.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the command line.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default=FOLDER, type=Path, help="where to write them")
    folder = parser.parse_args(arguments).folder
    try:
        chapters = write_quizzes(folder)
    except CourseError as error:
        sys.exit(f"{error}")
    kinds = [question.kind for _, questions in chapters.values() for question in questions]
    print(
        f"{len(chapters)} chapters, {len(kinds)} questions: {kinds.count('choice')} with choices, "
        f"{kinds.count('number')} with a number, {kinds.count('words')} in words."
    )
    print(f"Import a file of moodle, canvas or blackboard; answers.html is for you: {folder}")


if __name__ == "__main__":
    main()
