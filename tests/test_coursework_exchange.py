"""Archives, gradebooks and feedback in the shapes that learning platforms document.

See the head of ``tools/coursework/exchange.py`` for where they do.
"""

import csv
import io
import os
import stat
import sys
import zipfile
from datetime import datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools" / "coursework"))
import exchange
from exchange import Grade, Person
from preparing import CourseError

A = "assignment_a"
PEOPLE = [
    Person("mia", "Mia Meyer", "mia@uni.de"),
    Person("jörg", "Jörg Größe", "jg12@uni.de"),
    Person("van_dam_1", "Anna Maria van Dam", "amvd@uni.de", username="van_dam"),
    Person("李小龙", "李 小龙"),
]


def pack(path, files, **options):
    """Write an archive; a name may come with the time that the archive says."""
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in files.items():
            name, when = name if isinstance(name, tuple) else (name, (2026, 11, 30, 9, 0, 0))
            archive.writestr(zipfile.ZipInfo(name, when), content)
    return path


def found(folder, people=PEOPLE, **options):
    files = exchange.find(folder, people, A, **options)
    return {(one.archive + "/" if one.archive else "") + one.path: one for one in files}


def counting(folder, people=PEOPLE, **options):
    """Return what counts: content by student."""
    files = exchange.find(folder, people, A, **options)
    return {one.student: one.read().decode() for one in files if one.used}


# Canvas: lib/content_zipper.rb -------------------------------------------------------------------


def test_canvas_names_say_who_and_whether_late(tmp_path):
    pack(tmp_path / "submissions.zip", {
        "meyermia_334_20849_assignment_a.ipynb": "mia",
        "größejörg_LATE_335_20850_assignment_a-2.ipynb": "jörg",
        "vandamannamaria_336_20851_My answer (1).ipynb": "anna",
        "李小龙_337_20852_assignment_a.ipynb": "li",
        "meyermia_334_20000_notes.txt": "not a notebook",
        "strangeralice_338_20853_assignment_a.ipynb": "?",
        "anon_LATE_Ab3x9_20854_assignment_a.ipynb": "?",
    })  # fmt: skip
    files = found(tmp_path)
    assert len(files) == 7
    assert counting(tmp_path) == {
        "mia": "mia", "jörg": "jörg", "van_dam_1": "anna", "李小龙": "li",
    }  # fmt: skip
    by_student = {one.student: one for one in files.values() if one.used}
    assert {student for student, one in by_student.items() if one.late} == {"jörg"}
    assert by_student["mia"].account == {
        "canvas": "334", "attachment": "20849", "name": "meyermia_334_20849",
    }  # fmt: skip
    why = {name.split("/")[1]: one.why for name, one in files.items()}
    assert "no notebook" in why["meyermia_334_20000_notes.txt"]
    assert "nobody on the roster" in why["strangeralice_338_20853_assignment_a.ipynb"]
    assert "hidden the names" in why["anon_LATE_Ab3x9_20854_assignment_a.ipynb"]


def test_of_several_files_in_canvas_the_newest_counts_and_the_others_say_so(tmp_path):
    pack(tmp_path / "first.zip", {"meyermia_334_100_assignment_a.ipynb": "first"})
    pack(tmp_path / "again.zip", {"meyermia_LATE_334_180_assignment_a-1.ipynb": "second"})
    files = found(tmp_path)
    old, new = files["first.zip/meyermia_334_100_assignment_a.ipynb"], files[
        "again.zip/meyermia_LATE_334_180_assignment_a-1.ipynb"
    ]  # fmt: skip
    assert (old.used, new.used) == (False, True)
    assert (new.late, old.late) == (True, False)
    assert "assignment_a-1.ipynb counts: it is newer" in old.why
    assert "of 2 files" in new.why


def test_a_student_may_hand_in_an_archive(tmp_path):
    work = pack(tmp_path / "work.zip", {
        "work/assignment_a.ipynb": "mia",
        "work/.ipynb_checkpoints/assignment_a-checkpoint.ipynb": "older",
        "work/jörg__assignment_a.ipynb": "not of Jörg",
        "__MACOSX/mine/._assignment_a.ipynb": "no file of hers",
    })  # fmt: skip
    pack(tmp_path / "c.zip", {"meyermia_334_5_work.zip": work.read_bytes()})
    work.unlink()
    assert counting(tmp_path) == {"mia": "mia"}
    assert len(found(tmp_path)) == 3
    assert {one.student for one in found(tmp_path).values()} == {"mia"}


def test_two_of_the_same_name_are_told_by_their_numbers_only(tmp_path):
    twins = [Person("a1", "Kim Lee"), Person("a2", "Kim Lee")]
    pack(tmp_path / "c.zip", {"leekim_71_1_assignment_a.ipynb": "x",
                              "leekim_72_2_assignment_a.ipynb": "y"})  # fmt: skip
    assert counting(tmp_path, twins) == {}
    assert "a1 and a2 share the name" in next(iter(found(tmp_path, twins).values())).why
    numbered = [Person("a1", "Kim Lee", canvas="71"), Person("a2", "Kim Lee", canvas="72")]
    assert counting(tmp_path, numbered) == {"a1": "x", "a2": "y"}


def test_a_students_own_file_name_makes_nobody_else_of_them(tmp_path):
    pack(tmp_path / "c.zip", {
        "meyermia_334_5_jörg__assignment_a.ipynb": "mia 1",
        "meyermia_334_6_x_größejörg_335_9999_assignment_a.ipynb": "mia 2",
    })  # fmt: skip
    pack(tmp_path / "b.zip", {
        "A_mia_attempt_2026-11-30-09-00-00_y_jörg_attempt_2030-01-01-00-00-00_a.ipynb": "mia 3",
    })  # fmt: skip
    pack(tmp_path / "m.zip", {"Mia Meyer_7_assignsubmission_file/jörg/assignment_a.ipynb": "4"})
    assert {one.student for one in found(tmp_path).values()} == {"mia"}


# Moodle: mod/assign/classes/downloader.php -------------------------------------------------------


@pytest.mark.parametrize("end", ["", "_"])
def test_moodle_folders_say_who(tmp_path, end):
    pack(tmp_path / "ENC-Assignment A-77.zip", {
        f"Mia Meyer_1234_assignsubmission_file{end}/assignment_a.ipynb": "mia",
        f"Jörg Größe_1235_assignsubmission_file{end}/sub/assignment_a (1).ipynb": "j",
        f"Mia Meyer_1234_assignsubmission_onlinetext{end}/onlinetext.html": "<p>Hi</p>",
        f"Who Else_1236_assignsubmission_file{end}/assignment_a.ipynb": "?",
    })  # fmt: skip
    assert counting(tmp_path) == {"mia": "mia", "jörg": "j"}
    files = found(tmp_path)
    mia = next(one for one in files.values() if one.used and one.student == "mia")
    assert mia.account == {
        "moodle": "1234", "folder": f"Mia Meyer_1234_assignsubmission_file{end}",
    }  # fmt: skip
    assert sum("onlinetext" in one.why for one in files.values()) == 1


def test_moodle_without_folders_and_an_archive_that_was_unpacked(tmp_path):
    folder = tmp_path / "ENC-Assignment A-77"
    folder.mkdir()
    name = "Mia Meyer_1234_assignsubmission_file_assignment_a.ipynb"
    (folder / name).write_text("mia")
    assert counting(tmp_path) == {"mia": "mia"}
    (mia,) = found(tmp_path).values()
    assert mia.file == "assignment_a.ipynb"
    assert mia.account["folder"] == "Mia Meyer_1234_assignsubmission_file"


def test_moodle_without_names_is_told_by_the_grading_worksheet(tmp_path):
    pack(tmp_path / "blind.zip", {"Participant_1234_assignsubmission_file/assignment_a.ipynb": "x"})
    assert counting(tmp_path) == {}
    (tmp_path / "Grades-ENC.csv").write_text(
        "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Last modified (grade)\n"
        "Participant 1234,Mia Meyer,mia@uni.de,Submitted for grading,,50.00,-\n",
        encoding="utf-8-sig",
    )
    assert counting(tmp_path, exchange.with_numbers(PEOPLE, tmp_path)) == {"mia": "x"}


def test_who_was_late_in_moodle_stands_in_the_worksheet(tmp_path):
    pack(tmp_path / "m.zip", {
        "Mia Meyer_1234_assignsubmission_file/assignment_a.ipynb": "mia",
        "Jörg Größe_1235_assignsubmission_file/assignment_a.ipynb": "j",
        "李 小龙_1236_assignsubmission_file/assignment_a.ipynb": "li",
    })  # fmt: skip
    (tmp_path / "Grades-ENC.csv").write_text(
        "Identifier,Full name,Status,Grade\n"
        "Participant 1234,Mia Meyer,Submitted for grading2 days 3 hours late,\n"
        "Participant 1235,Jörg Größe,Submitted for grading,\n",
        encoding="utf-8",
    )
    # The times in the archive are those of the download, long after all was due.
    files = found(tmp_path, due=datetime(2020, 1, 1))
    assert {one.student: one.late for one in files.values()} == {
        "mia": True, "jörg": False, "李小龙": None,
    }  # fmt: skip
    assert {one.time for one in files.values()} == {""}


# Blackboard --------------------------------------------------------------------------------------


def test_blackboard_attempts_say_who_and_when(tmp_path):
    pack(tmp_path / "gradebook_ENC.zip", {
        "Assignment A_mia_attempt_2026-11-30-09-15-00.txt": "Name: Mia Meyer (mia)",
        "Assignment A_mia_attempt_2026-11-30-09-15-00_assignment_a.ipynb": "first",
        "Assignment A_mia_attempt_2026-11-30-21-15-00_assignment_a(1).ipynb": "second",
        "Assignment A_jg12_attempt_2026-11-29-10-00-00_assignment_a.ipynb": "j",
        "Assignment A_van_dam_attempt_2026-11-29-10-00-00_assignment_a.ipynb": "anna",
        "Assignment A_dam_attempt_2026-11-29-10-00-00_assignment_a.ipynb": "?",
    })  # fmt: skip
    due = datetime(2026, 11, 30, 12)
    assert counting(tmp_path, due=due) == {
        "mia": "second", "jörg": "j", "van_dam_1": "anna",
    }  # fmt: skip
    files = found(tmp_path, due=due)
    assert {one.student: one.late for one in files.values() if one.used} == {
        "mia": True, "jörg": False, "van_dam_1": False,
    }  # fmt: skip
    assert sum("Blackboard's note" in one.why for one in files.values()) == 1
    assert sum("nobody's on the roster" in one.why for one in files.values()) == 1


# Files by hand -----------------------------------------------------------------------------------


def test_files_and_folders_named_by_ids_in_whichever_form(tmp_path):
    (tmp_path / "jo\u0308rg__assignment_a (2).ipynb").write_text("j")  # as macOS writes it
    (tmp_path / "van_dam_1__a__b.ipynb").write_text("anna")
    (tmp_path / "MIA").mkdir()
    (tmp_path / "MIA" / "assignment_a.ipynb").write_text("mia")
    (tmp_path / "李小龙.ipynb").write_text("li")
    (tmp_path / "-x__assignment_a.ipynb").write_text("?")
    assert counting(tmp_path) == {
        "jörg": "j", "van_dam_1": "anna", "mia": "mia", "李小龙": "li",
    }  # fmt: skip
    assert len(found(tmp_path)) == 5


def test_the_newest_counts_and_then_the_highest_copy(tmp_path):
    day, night = (2026, 11, 30, 9, 0, 0), (2026, 11, 30, 21, 0, 0)
    pack(tmp_path / "x.zip", {
        ("mia__assignment_a (1).ipynb", night): "newer",
        ("mia__assignment_a.ipynb", day): "older",
        ("mia__scratch.ipynb", (2026, 12, 1, 0, 0, 0)): "another notebook",
        ("jörg__assignment_a.ipynb", day): "j",
        ("jörg__assignment_a (2).ipynb", day): "j 2",
        ("jörg__assignment_a - Copy.ipynb", day): "j 1",
    })  # fmt: skip
    assert counting(tmp_path) == {"mia": "newer", "jörg": "j 2"}
    why = [one.why for one in found(tmp_path).values() if one.student == "mia" and not one.used]
    assert sorted(why) == [
        "assignment_a (1).ipynb counts: it is newer",
        "assignment_a (1).ipynb counts: its name is that of assignment_a",
    ]


def test_a_notebook_of_another_name_counts_if_it_is_the_only_one(tmp_path):
    pack(tmp_path / "x.zip", {"mia__homework.ipynb": "mia"})
    assert counting(tmp_path) == {"mia": "mia"}


# Nothing stops the class -------------------------------------------------------------------------


def test_hostile_archives_cost_nobody_else_a_mark_and_write_nothing(tmp_path):
    folder = tmp_path / "downloaded"
    folder.mkdir()
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("assignment_a.ipynb", b"0" * (exchange.LARGEST + 1))
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(exchange.MOST_FILES_OF_ONE + 1):
            archive.writestr(f"{number}.ipynb", b"")
    link = zipfile.ZipInfo("li__assignment_a.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(folder / "class.zip", "w") as archive:
        archive.writestr("../../escaped__assignment_a.ipynb", b"x")
        archive.writestr("/etc/mia__assignment_a.ipynb", b"x")
        archive.writestr("C:\\mia__assignment_a.ipynb", b"x")
        archive.writestr("jörg__bomb.zip", bomb.getvalue())
        archive.writestr("van_dam_1__many.zip", many.getvalue())
        archive.writestr(link, b"/etc/passwd")
        archive.writestr("mia__assignment_a.ipynb", b"mia")
    (folder / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    (folder / "empty.zip").write_bytes(b"")
    people = [*PEOPLE, Person("li")]
    before = sorted(tmp_path.rglob("*"))
    files = found(folder, people)
    assert sorted(tmp_path.rglob("*")) == before
    assert len(files) == 9
    used = [one for one in files.values() if one.used]
    assert {one.student for one in used} == {"mia", "jörg"}
    assert next(one for one in used if one.student == "mia").read() == b"mia"
    with pytest.raises(CourseError, match="larger than 20 MB"):
        next(one for one in used if one.student != "mia").read()
    why = " ".join(one.why for one in files.values())
    for reason in ("leads out of the archive", "a link", "501 files", "cannot be opened"):
        assert reason in why
    assert all(one.used or one.why for one in files.values())


def test_an_entry_that_lies_about_its_size_is_not_unpacked_further(tmp_path):
    path = pack(tmp_path / "x.zip", {"mia__assignment_a.ipynb": b"0" * (exchange.LARGEST + 9)},
                compression=zipfile.ZIP_DEFLATED)  # fmt: skip
    data = bytearray(path.read_bytes())
    size = (exchange.LARGEST + 9).to_bytes(4, "little")
    path.write_bytes(data.replace(size, (100).to_bytes(4, "little")))
    (handed,) = exchange.find(tmp_path, PEOPLE, A)
    with pytest.raises(CourseError):
        handed.read()


def test_a_broken_file_in_an_archive_says_so_and_leaves_the_others(tmp_path):
    path = pack(tmp_path / "x.zip", {"mia__assignment_a.ipynb": b"m" * 50,
                                     "jörg__assignment_a.ipynb": b"j"})  # fmt: skip
    path.write_bytes(path.read_bytes().replace(b"m" * 50, b"n" * 50))
    used = {one.student: one for one in exchange.find(tmp_path, PEOPLE, A) if one.used}
    assert used["jörg"].read() == b"j"
    with pytest.raises(CourseError, match="broken"):
        used["mia"].read()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_in_folders_are_not_followed(tmp_path):
    (tmp_path / "secret.ipynb").write_text("secret")
    folder = tmp_path / "downloaded"
    (folder / "mia").mkdir(parents=True)
    (folder / "mia" / "assignment_a.ipynb").symlink_to(tmp_path / "secret.ipynb")
    (folder / "loop").symlink_to(folder)
    assert [one.why for one in exchange.find(folder, PEOPLE, A)] == [
        "it is a link, not a file"
    ] * 2  # fmt: skip


def test_a_name_is_no_command_for_a_terminal(tmp_path):
    pack(tmp_path / "x.zip", {"mia__\x1b[2Jassignment_a.ipynb": "mia"})
    (handed,) = exchange.find(tmp_path, PEOPLE, A)
    assert handed.used
    assert handed.path.isprintable()


def test_names_without_the_mark_of_utf_8_are_read(tmp_path):
    name = "jörg__assignment_a.ipynb".encode()
    pack(tmp_path / "x.zip", {"j__rg__assignment_a.ipynb"[: len(name)]: "j"})
    path = tmp_path / "x.zip"
    path.write_bytes(path.read_bytes().replace(b"j__rg__assignment_a.ipynb", name))
    assert counting(tmp_path) == {"jörg": "j"}


# Rosters -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id,name,email\nmia,Mia Meyer,m@x.de\n", ("mia", "Mia Meyer", "", "")),
        ("ID;Name\nmia;Mia Meyer\n", ("mia", "Mia Meyer", "", "")),
        (  # Canvas: Grades > Export
            "Student,ID,SIS User ID,SIS Login ID,Section,Assignment A (9)\n"
            "    Points Possible,,,,,50\n"
            '"Meyer, Mia",334,u77,mia,Encoding,\n"Student, Test",1,,abc,Encoding,\n',
            ("mia", "Meyer, Mia", "334", ""),
        ),
        (  # Moodle: grading worksheet
            "Identifier,Full name,ID number,Email address,Status,Grade\n"
            "Participant 1234,Mia Meyer,mia,m@x.de,Submitted for grading,\n",
            ("mia", "Mia Meyer", "", "1234"),
        ),
        (  # Moodle: participants
            "First name,Last name,Email address\nMia,Meyer,m@x.de\n",
            ("m@x.de", "Mia Meyer", "", ""),
        ),
        (  # Blackboard: gradebook
            "Last Name\tFirst Name\tUsername\tStudent ID\nMeyer\tMia\tmia\t77\n",
            ("mia", "Mia Meyer", "", ""),
        ),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_rosters_as_platforms_export_them(tmp_path, text, expected, encoding):
    path = tmp_path / "class.csv"
    path.write_text(text, encoding=encoding)
    (mia,) = exchange.read_roster(path)
    assert (mia.id, mia.name, mia.canvas, mia.moodle) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("id,name\n", "names no student"),
        ("name\nMia\n", "Row 2 of .* has no id"),
        ("id\nmia\nben\nMIA\n", "Row 4 of .* has the id 'MIA', which row 2 has, too"),
    ],
)
def test_a_roster_that_is_none_says_what_to_do(tmp_path, text, message):
    path = tmp_path / "class.csv"
    path.write_text(text)
    with pytest.raises(CourseError, match=message):
        exchange.read_roster(path)


# Grades and feedback out -------------------------------------------------------------------------


def rows_of(path):
    with Path(path).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


GRADES = [
    Grade(PEOPLE[0], 41.5, {"canvas": "334", "name": "meyermia_334_20849", "moodle": "1234",
                            "folder": "Mia Meyer_1234_assignsubmission_file"}),
    Grade(PEOPLE[1], 0.0, {"canvas": "335", "moodle": "1235"}),
    Grade(PEOPLE[2], None),
]  # fmt: skip


def test_canvas_gets_its_own_gradebook_back_with_one_column(tmp_path):
    (tmp_path / "2026-11-30_Grades-ENC.csv").write_text(
        "Student,ID,SIS User ID,SIS Login ID,Section,Quiz (8),Assignment A (9),Final Score\n"
        "    Points Possible,,,,,10,50,(read only)\n"
        '"Meyer, Mia",334,u1,mia,Encoding,7,,90\n"Größe, Jörg",335,u2,jg12,Encoding,,12,10\n'
        '"van Dam, Anna",336,u3,van_dam,Encoding,,33,10\n',
        encoding="utf-8",
    )
    table = exchange.tables_of(tmp_path)["canvas"]
    known = exchange.write_canvas(tmp_path / "up.csv", GRADES, "Assignment A: look", 50, table)
    assert known
    rows = rows_of(tmp_path / "up.csv")
    assert list(rows[0]) == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section",
                             "Assignment A (9)"]  # fmt: skip
    assert [row["Assignment A (9)"] for row in rows] == ["50", "41.5", "0", "33"]
    with pytest.raises(CourseError, match="no column 'Essay': it has Student, ID"):
        exchange.write_canvas(tmp_path / "up.csv", GRADES, "A", 50, table, "Essay")


def test_canvas_gets_a_gradebook_where_there_is_none(tmp_path):
    assert not exchange.write_canvas(tmp_path / "up.csv", GRADES, "Assignment A", 50)
    rows = rows_of(tmp_path / "up.csv")
    assert rows[0]["Student"].strip() == "Points Possible"
    assert [(row["ID"], row["Assignment A"]) for row in rows[1:]] == [
        ("334", "41.5"), ("335", "0"), ("", ""),
    ]  # fmt: skip


def test_moodle_gets_its_own_worksheet_back(tmp_path):
    (tmp_path / "Grades-ENC.csv").write_text(
        "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,"
        "Last modified (submission),Last modified (grade),Feedback comments\n"
        "Participant 1234,Mia Meyer,mia@uni.de,Submitted,,50.00,Yes,Monday,-,\n"
        "Participant 99,Else,else@uni.de,No submission,12.00,50.00,Yes,-,-,Hi\n",
        encoding="utf-8",
    )
    table = exchange.tables_of(tmp_path)["moodle"]
    exchange.write_moodle(tmp_path / "up.csv", GRADES, 50, table)
    rows = rows_of(tmp_path / "up.csv")
    assert [(row["Identifier"], row["Grade"]) for row in rows] == [
        ("Participant 1234", "41.5"), ("Participant 99", "12.00"),
    ]  # fmt: skip
    assert rows[1]["Feedback comments"] == "Hi"
    assert rows[0]["Last modified (grade)"] == "-"  # a formula would have a ' before it


def test_moodle_gets_a_worksheet_from_the_numbers_in_the_archive(tmp_path):
    assert exchange.write_moodle(tmp_path / "up.csv", GRADES, 50) == ["van_dam_1"]
    rows = rows_of(tmp_path / "up.csv")
    needed = {"Identifier", "Grade", "Last modified (grade)"}  # importgradeslib.php, init
    assert needed <= set(rows[0])
    assert [row["Grade"] for row in rows] == ["41.5", "0"]


def test_blackboard_gets_its_own_gradebook_back(tmp_path):
    name = "Assignment A [Total Pts: 50 Score] |5123"
    (tmp_path / "gc_ENC_column.xls").write_text(
        f"Last Name\tFirst Name\tUsername\tStudent ID\t{name}\n"
        "Meyer\tMia\tmia\t1\t\nGröße\tJörg\tjg12\t2\t3\nvan Dam\tAnna\tvan_dam\t3\t9\n",
        encoding="utf-16",
    )
    table = exchange.tables_of(tmp_path)["blackboard"]
    assert exchange.write_blackboard(tmp_path / "up.csv", GRADES, "Assignment A: look", table)
    assert [(row["Username"], row[name]) for row in rows_of(tmp_path / "up.csv")] == [
        ("mia", "41.5"), ("jg12", "0"), ("van_dam", "9"),
    ]  # fmt: skip
    assert not exchange.write_blackboard(tmp_path / "new.csv", GRADES, "Assignment A")
    assert [row["Username"] for row in rows_of(tmp_path / "new.csv")] == [
        "mia", "jörg", "van_dam",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("system", "names", "lost"),
    [
        ("canvas", {"meyermia_334_20849_feedback_assignment_a.html"}, ["jörg"]),
        ("moodle", {"Mia Meyer_1234_assignsubmission_file/feedback_assignment_a.html"},
         ["jörg"]),
        ("blackboard", {"mia_assignment_a.html", "jörg_assignment_a.html"}, []),
        ("plain", {"mia_assignment_a.html", "jörg_assignment_a.html"}, []),
    ],
)  # fmt: skip
def test_feedback_is_packed_as_each_platform_takes_it(tmp_path, system, names, lost):
    pages = {}
    for student in ("mia", "jörg"):
        pages[student] = tmp_path / f"{student}.html"
        pages[student].write_text(f"for {student}")
    path = tmp_path / "feedback.zip"
    assert exchange.pack_feedback(path, system, GRADES, pages, A) == lost
    with zipfile.ZipFile(path) as archive:
        assert set(archive.namelist()) == names
        for name in names:
            student = "mia" if "mia" in name.casefold() else "jörg"
            assert archive.read(name).decode() == f"for {student}"


def test_what_moodle_reads_of_a_folder_is_what_is_written(tmp_path):
    """As importziplib.php does: name, number, kind and plugin are parted by ``_``."""
    grade = Grade(Person("x", "Mia_Eva / Meyer", moodle="12"), 1.0)
    pages = {"x": tmp_path / "x.html"}
    pages["x"].write_text("for x")
    exchange.pack_feedback(tmp_path / "f.zip", "moodle", [grade], pages, A)
    with zipfile.ZipFile(tmp_path / "f.zip") as archive:
        (name,) = archive.namelist()
    assert name.split("/")[0].split("_", 4)[1:] == ["12", "assignsubmission", "file"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", '=HYPERLINK("x")'])
def test_no_cell_is_a_formula(tmp_path, text):
    exchange.write_table(tmp_path / "t.csv", ["name"], [{"name": text}])
    assert rows_of(tmp_path / "t.csv")[0]["name"] == "'" + text
    if text[0] != "\t":
        assert exchange.read_table(tmp_path / "t.csv").rows[0]["name"] == text
