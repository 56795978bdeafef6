"""Features of any kind, from files and from memory, and what is said of tables that are none."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from scipy import sparse

from helpers._files import DataError
from helpers._files.stimuli import read_features, read_stimuli

RNG = np.random.default_rng(16)
SIGNED = RNG.standard_normal((6, 4)).round(3)


def save(path, text):
    """Write text as it is."""
    path.write_text(text, encoding="utf-8")
    return path


def lines(values, separator=","):
    """Rows of numbers as text."""
    return "\n".join(separator.join(f"{value:.6g}" for value in row) for row in values) + "\n"


# Label tables


def labels(shape, n_rows=5):
    """Images of a checkerboard of grey values, one row of them rest, as a file has them."""
    images = RNG.random((n_rows, *shape)).round(3)
    images[1] = -1
    return images, images.transpose(0, 2, 1).reshape(n_rows, -1)  # down the columns


def test_label_tables_of_miyawaki_are_read_as_ever(tmp_path):
    images, table = labels((10, 10))
    path = save(tmp_path / "run.csv", lines(table))
    got = read_features(path)
    np.testing.assert_array_equal(got.values, images.reshape(5, 100))
    np.testing.assert_array_equal(got.values, read_stimuli(path))
    assert (got.shape, got.names, got.rest) == ((10, 10), None, -1)


@pytest.mark.parametrize(("suffix", "separator"), [("csv", ","), ("tsv", "\t"), ("txt", " ")])
def test_images_of_another_shape(tmp_path, suffix, separator):
    images, table = labels((9, 16))
    got = read_features(save(tmp_path / f"run.{suffix}", lines(table, separator)), (9, 16))
    np.testing.assert_array_equal(got.values, images.reshape(5, 144))
    assert (got.shape, got.rest) == ((9, 16), -1)


def test_rounding_is_no_unknown_code(tmp_path):
    """Single precision and six decimals carry 1 to 1.0000001 and -1 to -0.9999999."""
    rows = [[1.0000001, -1e-7, 0.9999999, 0.5], [-0.9999999, -1.0000001, -1, -1]]
    path = save(tmp_path / "a.csv", "\n".join(",".join(map(repr, row)) for row in rows))
    np.testing.assert_array_equal(read_stimuli(path, (2, 2)), [[1, 1, 0, 0.5], [-1] * 4])
    path = save(tmp_path / "b.csv", "0,0,0,1.000002")
    with pytest.raises(ValueError, match=r"unknown code 1\.000002 in row 1, column 4; expected"):
        read_stimuli(path, (2, 2))


BAD_LABELS = {
    "semicolons": ("0;1;0;1\n", r"\(it has semicolons\); .*commas between numbers and points"),
    "semicolons and commas": ("0,5;1;0;1\n", r"\(it has semicolons\)"),
    "decimal commas": ("0,5\t1\t0\t1\n", r"\('0,5' in row 1, column 1\); .*decimals with points"),
    "quoted commas": ('"0,5","1","0","1"\n', r"\('0,5' in row 1, column 1\); .*with points"),
    "a header": ("a,b,c,d\n0,1,0,1\n", r"\('a' in row 1, column 1\); .*remove headers and text"),
    "pandas' header": ("0,1,2,3\n0,1,0,1\n", r"0, 1, 2 \.\.\. in row 1, which look like a header"),
    "pandas' index": ("0,0,1,0,1\n1,0,1,0,1\n", "5 columns; expected 4.*without an index column"),
    "a short row": ("0,1,0,1\n0,1\n", r"\(2 in row 2 and 4 in the first\); .*complete that row"),
    "a gap": ("0,1,0,1\n0,,0,1\n", r"\('' in row 2, column 2\)"),
    "a comma at the end": ("0,1,0,1,\n", r"\('' in row 1, column 5\)"),
    "blank": ("\n \n", "is empty; expected one row of pixel values"),
    "signed": ("0,1,0,-0.5\n", "unknown code -0.5 in row 1, column 4; .*header with names"),
    "missing": ("0,1,0,n/a\n", r"\('n/a' in row 1, column 4\)"),
}


@pytest.mark.parametrize("case", BAD_LABELS)
def test_bad_label_tables_are_refused(tmp_path, case):
    text, message = BAD_LABELS[case]
    with pytest.raises(ValueError, match=message) as caught:
        read_stimuli(save(tmp_path / "run7_label.csv", text), (2, 2))
    assert "run7_label.csv" in str(caught.value)


@pytest.mark.parametrize("read", [read_stimuli, read_features])
def test_what_is_no_text_or_not_there(tmp_path, read):
    (tmp_path / "a.csv").write_bytes("0,1".encode("utf-16"))
    with pytest.raises(ValueError, match=r"not a table of numbers \(text in UTF-16\).*in UTF-8"):
        read(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_bytes(b"\x00\x01\x02" * 99)
    with pytest.raises(ValueError, match=r"not a table of numbers \(not a text file\)"):
        read(tmp_path / "a.csv")
    (tmp_path / "b.csv").symlink_to(tmp_path / "annexed")
    with pytest.raises(DataError, match=r"b\.csv is a link, and what it links to is not there"):
        read(tmp_path / "b.csv")
    for name in ("c.csv", "a.csv/d.csv", "long" * 999, "null\0"):
        with pytest.raises(DataError, match="cannot be opened"):
            read(str(tmp_path / name))


def test_a_folder_is_no_label_table(tmp_path):
    with pytest.raises(DataError, match="is a folder; expected a file: name the file in it"):
        read_stimuli(tmp_path)


@pytest.mark.parametrize("shape", [10, (10,), (10, 10, 3), (0, 5), (2.0, 5), "10x10"])
def test_shapes_that_are_none(tmp_path, shape):
    for read in (read_stimuli, read_features):
        with pytest.raises(ValueError, match=r"shape is .*; expected the rows and columns"):
            read(save(tmp_path / "a.csv", "0,1\n"), shape)


# Named features


@pytest.mark.parametrize(("suffix", "separator"), [("csv", ","), ("tsv", "\t"), ("txt", " ")])
def test_features_with_a_header(tmp_path, suffix, separator):
    header = separator.join(["up", "down", "x2", "100"])
    got = read_features(save(tmp_path / f"f.{suffix}", header + "\n" + lines(SIGNED, separator)))
    np.testing.assert_array_equal(got.values, SIGNED)
    assert (got.shape, got.names, got.rest) == (None, ["up", "down", "x2", "100"], 0)


def test_tables_of_pandas_and_numpy_come_back(tmp_path):
    frame = pd.DataFrame(SIGNED, columns=['a "b", c', "d", "e", "f"])
    frame.to_csv(tmp_path / "p.csv", index=False)
    got = read_features(tmp_path / "p.csv")
    assert got.names == list(frame.columns)
    np.testing.assert_array_equal(got.values, SIGNED)
    np.savetxt(tmp_path / "n.csv", SIGNED, delimiter=",", header="a,b,c,d")
    got = read_features(tmp_path / "n.csv")
    assert got.names == list("abcd")
    np.testing.assert_array_equal(got.values, SIGNED)


BAD_FEATURES = {
    "no header": ("1,2,3\n4,5,6\n", r"3 columns and no header; .*shape=\(rows, columns\).*names"),
    "no rows": ("a,b,c\n", "has a header and no rows; expected one row of numbers"),
    "an index": (",a,b\n0,5,6\n1,7,8\n", 'has the column "", which looks like row numbers'),
    "an old index": ("Unnamed: 0,a\n0,5\n1,7\n", r'the column "Unnamed: 0", .*index_col=0'),
    "R's index": ("a,b\n1,5,6\n2,7,8\n", "has 2 names in its header and 3 numbers in a row"),
    "the same twice": ("left,0,0\n1,2,3\n", 'the name "0" over more than one column'),
    "text": ("a,b\n1,2\n3,cat\n", r"\('cat' in row 3, column 2\)"),
    "short": ("a,b\n1,2\n3\n", r"\(1 in row 3 and 2 in the first\)"),
    "decimal commas": ("a\tb\n0,5\t1\n", r"\('0,5' in row 2, column 1\); .*with points"),
    "semicolons": ("a;b\n0;5\n", "it has semicolons"),
    "NaN": ("a,b\n1,2\nnan,4\n", r"1 values that are NaN .*nan in row 2, column 1 \(counted from"),
}


@pytest.mark.parametrize("case", BAD_FEATURES)
def test_bad_tables_of_features_are_refused(tmp_path, case):
    text, message = BAD_FEATURES[case]
    with pytest.raises(ValueError, match=message) as caught:
        read_features(save(tmp_path / "words.csv", text))
    assert "words.csv" in str(caught.value)


def test_a_header_and_a_shape_exclude_each_other(tmp_path):
    with pytest.raises(ValueError, match="has a header, and shape is given; expected pixels with"):
        read_features(save(tmp_path / "a.csv", "a,b,c,d\n0,1,0,1\n"), (2, 2))


# Arrays and DataFrames


SAME = {
    "array": SIGNED,
    "float32": SIGNED.astype(np.float32),
    "Fortran order": np.asfortranarray(SIGNED),
    "list": SIGNED.tolist(),
    "tuple of arrays": tuple(SIGNED),
    "nothing masked": np.ma.masked_array(SIGNED, mask=False),
    "sparse": sparse.csr_array(SIGNED),
    "DataFrame": pd.DataFrame(SIGNED),
    "a DataFrame's values": pd.DataFrame(SIGNED).values.tolist(),
    "nullable": pd.DataFrame(SIGNED).convert_dtypes(),
    "other index": pd.DataFrame(SIGNED, index=range(60, 54, -1)),
}


@pytest.mark.parametrize("case", SAME)
def test_the_same_features_from_memory(case):
    got = read_features(SAME[case])
    np.testing.assert_allclose(got.values, SIGNED, rtol=1e-6)
    assert got.values.dtype == np.float64
    assert (got.shape, got.rest) == (None, 0)


def test_npy_files_and_images_in_them(tmp_path):
    np.save(tmp_path / "f.npy", SIGNED)
    np.testing.assert_array_equal(read_features(tmp_path / "f.npy").values, SIGNED)
    got = read_features(tmp_path / "f.npy", shape=(2, 2))
    np.testing.assert_array_equal(got.values, SIGNED)  # C order: as it stands
    assert got.shape == (2, 2)
    images = RNG.standard_normal((5, 3, 4))
    np.save(tmp_path / "i.npy", images)
    for table in (tmp_path / "i.npy", images, list(images), images.tolist()):
        got = read_features(table)
        np.testing.assert_array_equal(got.values[2].reshape(got.shape), images[2])
        assert (got.shape, got.names, got.rest) == ((3, 4), None, 0)
    with pytest.raises(ValueError, match=r"images of 3 x 4 pixels, and shape is .*leave shape out"):
        read_features(images, (4, 3))


def test_whole_numbers_and_truth_values():
    for dtype in (bool, np.uint8, np.int64, ">f4", np.float16):
        got = read_features((SIGNED > 0).astype(dtype)).values
        np.testing.assert_array_equal(got, SIGNED > 0)
    mixed = pd.DataFrame({"on": [True, False], "n": [1, 2], "x": [0.5, 0.25]})
    got = read_features(mixed)
    assert got.values.tolist() == [[1, 1, 0.5], [0, 2, 0.25]]
    assert got.names == ["on", "n", "x"]


def test_one_feature():
    for table in (pd.Series([1.0, 2], name="contrast"), [1.0, 2], np.array([1.0, 2])):
        assert read_features(table).values.tolist() == [[1], [2]]
    assert read_features(pd.Series([1.0, 2], name="contrast")).names == ["contrast"]


BAD_TABLES = {
    "objects": (np.array([[1, None]], dtype=object), r"objects \(NoneType\); .*real numbers"),
    "complex": (SIGNED + 1j, "holds complex numbers; expected real numbers"),
    "text": ([["a", "b"]], "holds text; expected real numbers.*get_dummies"),
    "paths": (["a.png", "b.png"], "holds text; expected real numbers"),
    "dates": (np.array(["2020-01-01"], "M8[D]"), "holds dates; expected real numbers"),
    "ragged": ([[1, 2], [3]], "has rows of different lengths; expected equally many"),
    "NaN": ([[1, 2], [3, np.nan]], r"the first is nan in row 2, column 2 \(counted from 1\)"),
    "infinite": (np.float32([[1, -np.inf]]), "the first is -inf in row 1, column 2"),
    "masked": (np.ma.masked_less(SIGNED, 0), "masks [0-9]+ of its values; expected a value in"),
    "masked rows": (list(np.ma.masked_less(SIGNED, 0)), "masks [0-9]+ of its values; expected"),
    "empty": ([], r"has the shape \(0,\); expected one row a volume"),
    "no columns": (np.ones((5, 0)), r"has the shape \(5, 0\); expected one row a volume"),
    "colours": (np.ones((2, 3, 4, 3)), r"\(2, 3, 4, 3\); expected .* without colour"),
    "None": (None, "is of the type NoneType; expected a path, an array"),
    "a number": (3.5, "is of the type float; expected a path, an array"),
    "a dict": ({"a": [1]}, "is of the type dict; expected a path, an array"),
    "a generator": ((row for row in SIGNED), r"holds objects \(generator\); expected"),
    "text column": (
        pd.DataFrame({"x": [1.0, 2], "word": ["a", "b"]}),
        r'the column "word" of the type \w+; expected real numbers.*leave it out',
    ),
    "categories": (pd.DataFrame({"c": pd.Categorical(["a", "b"])}), '"c" of the type category'),
    "complex column": (pd.DataFrame({"c": [1j, 2]}), '"c" of the type complex128'),
    "gap": (pd.DataFrame({"x": [1.0, None]}), "the first is nan in row 2, column 1"),
    "nullable gap": (pd.DataFrame({"x": [1, None]}, dtype="Int64"), "nan in row 2, column 1"),
    "saved index": (
        pd.DataFrame({"Unnamed: 0": [0, 1], "x": [5, 7]}),
        'has the column "Unnamed: 0", which looks like row numbers',
    ),
    "reset index": (pd.DataFrame({"x": [5, 7]}).reset_index(), 'the column "index", which looks'),
    "twins": (pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]), 'name "a" over more than one'),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_bad_tables_in_memory_are_refused(case):
    table, message = BAD_TABLES[case]
    with pytest.raises(ValueError, match=message) as caught:
        read_features(table)
    assert str(caught.value).startswith("The table of features ")


def test_pixels_must_fill_the_shape():
    with pytest.raises(
        ValueError, match="has 4 columns; expected 6, one for each pixel of a 2 x 3"
    ):
        read_features(SIGNED, (2, 3))


def test_npy_files_that_are_none(tmp_path):
    np.save(tmp_path / "o.npy", np.array([[1, None]], dtype=object))
    (tmp_path / "t.npy").write_bytes(b"\x93NUMPY" + b"x" * 99)
    (tmp_path / "e.npy").write_bytes(b"")
    np.savez(tmp_path / "z.npz", SIGNED)
    (tmp_path / "z.npz").rename(tmp_path / "z.npy")
    for name in "otez":
        with pytest.raises(
            DataError, match=rf"{name}\.npy cannot be read as an array \(.*save num"
        ):
            read_features(tmp_path / f"{name}.npy")


def test_rest_in_arrays_of_images():
    """A whole row of -1 beside values of 0 to 1 is rest in images, and a question in features."""
    table = RNG.random((6, 4))
    table[2] = -1
    got = read_features(table, (2, 2))
    assert got.rest == -1
    np.testing.assert_array_equal(got.values, table)
    with pytest.warns(UserWarning, match=r"has rows of -1 .*stay numbers .*give shape=\(rows"):
        assert read_features(table).rest == 0
    assert read_features(table - 0.5).rest == 0  # signed
    assert read_features([-1.0, 1, 0]).rest == 0  # one contrast


@pytest.mark.parametrize("value", [0, 3.5])
def test_a_table_in_which_nothing_varies(tmp_path, value):
    with pytest.warns(UserWarning, match=rf"holds {value} throughout: nothing varies in this run"):
        read_features(np.full((4, 2), value))
    rest = save(tmp_path / "rest.csv", lines(np.full((4, 100), -1)))
    assert read_features(rest).rest == -1  # a run of rest is none


# Frames


def picture(path, values, mode=None):
    """Save an array as a picture."""
    image = Image.fromarray(np.asarray(values))
    (image.convert(mode) if mode else image).save(path)


def test_frames_come_in_the_order_of_their_numbers(tmp_path):
    values = RNG.integers(0, 256, (12, 3, 5), dtype=np.uint8)
    for number, frame in enumerate(values, start=1):
        picture(tmp_path / f"frame_{number}.png", frame)
    (tmp_path / "notes.txt").write_text("made on Monday", encoding="utf-8")
    (tmp_path / "._frame_1.png").write_bytes(b"the system's")
    got = read_features(tmp_path)
    np.testing.assert_allclose(got.values, values.reshape(12, 15) / 255)
    assert (got.shape, got.names, got.rest) == ((3, 5), None, 0)
    assert read_features(str(tmp_path), (3, 5)).shape == (3, 5)
    with pytest.raises(ValueError, match="images of 3 x 5 pixels, and shape is"):
        read_features(tmp_path, (5, 3))


def test_frames_of_every_kind_are_grey_from_0_to_1(tmp_path):
    grey = RNG.integers(0, 256, (4, 3), dtype=np.uint8)
    colour = RNG.integers(0, 256, (4, 3, 3), dtype=np.uint8)
    opaque = np.concatenate([colour, np.full((4, 3, 1), 255, np.uint8)], axis=2)
    deep = RNG.integers(0, 65536, (4, 3), dtype=np.uint16)
    palette = Image.fromarray(colour).quantize(12)
    kinds = {
        "grey": (grey, None, grey / 255),
        "colour": (colour, None, colour.mean(axis=2) / 255),
        "opaque": (opaque, None, colour.mean(axis=2) / 255),
        "deep": (deep, None, deep / 65535),
        "black and white": (grey, "1", None),
        "palette": (np.asarray(palette.convert("RGB")), "P", None),
    }
    for kind, (values, mode, expected) in kinds.items():
        place = tmp_path / kind
        place.mkdir()
        picture(place / "1.png", values, mode)
        if expected is None:
            stored = Image.open(place / "1.png").convert("RGB")
            expected = np.asarray(stored).mean(axis=2) / 255
        got = read_features(place).values[0].reshape(4, 3)
        np.testing.assert_allclose(got, expected, err_msg=kind)
        assert got.max() > 0.5


def test_frames_that_are_wrong(tmp_path):
    with pytest.raises(ValueError, match=r"has no pictures; expected .*frame_001\.png"):
        read_features(tmp_path)
    picture(tmp_path / "1.png", np.eye(2, 3, dtype=np.uint8))
    picture(tmp_path / "2.png", np.zeros((3, 2), np.uint8))
    with pytest.raises(ValueError, match=r"2\.png has 3 x 2 pixels and 1\.png has 2 x 3; expected"):
        read_features(tmp_path)
    picture(tmp_path / "2.png", np.full((2, 3, 4), 100, np.uint8))
    with pytest.raises(ValueError, match=r"2\.png has 6 transparent pixels.*on the background"):
        read_features(tmp_path)
    whole = (tmp_path / "1.png").read_bytes()
    for damaged in (whole[:50], b"no picture", b""):
        (tmp_path / "2.png").write_bytes(damaged)
        with pytest.raises(DataError, match=r"2\.png cannot be read as a picture .*get the file"):
            read_features(tmp_path)
    (tmp_path / "2.png").unlink()
    with pytest.raises(ValueError, match=r"1\.png is one picture; expected .*name the folder"):
        read_features(tmp_path / "1.png")
    picture(tmp_path / "2.bmp", np.zeros((2, 3), np.uint8))
    with pytest.raises(ValueError, match=r"has \.bmp and \.png; expected pictures of one kind"):
        read_features(tmp_path)


def test_transparency_in_grey_and_palettes_is_seen(tmp_path):
    for kind, mode in {"grey": "L", "palette": "P"}.items():
        place = tmp_path / kind
        place.mkdir()
        image = Image.fromarray(np.eye(3, dtype=np.uint8) * 255).convert(mode)
        image.save(place / "1.png", transparency=0)
        with pytest.raises(ValueError, match=r"1\.png has 6 transparent pixels"):
            read_features(place)


def test_pictures_of_other_numbers_and_with_several_frames(tmp_path):
    for name, dtype in {"i": np.int32, "f": np.float32}.items():
        (tmp_path / name).mkdir()
        picture(tmp_path / name / "1.tif", np.ones((2, 2), dtype))
        with pytest.raises(
            ValueError, match=r"1\.tif holds numbers of 32 bits.*save them as \.npy"
        ):
            read_features(tmp_path / name)
    frames = [Image.fromarray(np.full((2, 2), n, np.uint8)) for n in (0, 200)]
    frames[0].save(tmp_path / "1.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match=r"1\.gif holds 2 pictures; expected one"):
        read_features(tmp_path)


# Whatever comes


def check(table, shape=None):
    """Features are finite and of the table's length, or a sentence says why there are none."""
    try:
        got = read_features(table, shape)
    except (ValueError, DataError) as error:
        assert "expected" in str(error) or ":" in str(error)
        return None
    assert got.values.dtype == np.float64
    assert np.isfinite(got.values).all()
    assert got.values.ndim == 2 and got.values.size
    return got


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    array=arrays.arrays(
        st.one_of(
            arrays.scalar_dtypes(), arrays.array_dtypes(max_size=2), st.just(np.dtype(object))
        ),
        arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    ),
    shape=st.sampled_from([None, (1, 1), (2, 2)]),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_any_array_gives_features_or_a_sentence(array, shape):
    got = check(array, shape)
    if got is not None:
        assert len(got.values) == len(array)
        np.testing.assert_array_equal(got.values.ravel(), array.ravel().astype(np.float64))


CELLS = st.one_of(
    st.sampled_from(["0", "1", "-1", "0.5", "1e400", "nan", "", " ", "a", '"', "0,5", "0;1", "#"]),
    st.text(max_size=3),
    st.floats().map(repr),
)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    rows=st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=4),
    separator=st.sampled_from([",", "\t", " ", ";"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    shape=st.sampled_from([None, (1, 2), (2, 2)]),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_any_text_gives_features_or_a_sentence(tmp_path_factory, rows, separator, encoding, shape):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    text = "\n".join(separator.join(row) for row in rows)
    path.write_bytes(text.encode(encoding, "surrogatepass"))
    check(path, shape)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(content=st.binary(max_size=60), suffix=st.sampled_from([".csv", ".npy", ".tsv", ".png"]))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_any_bytes_give_features_or_a_sentence(tmp_path_factory, content, suffix):
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(content)
    check(path)
    np.save(path.with_suffix(".npy"), SIGNED)
    whole = path.with_suffix(".npy").read_bytes()
    path.with_suffix(".npy").write_bytes(whole[:8] + content + whole[8 + len(content) :])
    check(path.with_suffix(".npy"))
