"""The benchmarks' arithmetic, and the form of their stored results. No time is checked."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from himalaya.ridge import RidgeCV
from himalaya.scoring import r2_score
from sklearn.linear_model import Ridge

from benchmarks import __main__ as program
from benchmarks import growth, measuring, peak, topics
from helpers._engine import ridge
from helpers._engine.folds import run_folds, tabulate

RESULTS = Path(__file__).parents[1] / "tools" / "benchmarks" / "results.json"
PROGRAMS = RESULTS.with_name("programs.json")
ALPHAS = [0.1, 1.0, 10.0]


@pytest.fixture(scope="module")
def results():
    return json.loads(RESULTS.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def programs():
    return json.loads(PROGRAMS.read_text(encoding="utf-8"))


# ---- seconds, memory, slopes


@pytest.mark.parametrize("power", [0, 1, 1.5, 3])
def test_slope_is_the_power_of_growth(power):
    x = np.array([300, 1000, 3000, 10_000])
    assert measuring.slope(x, 7 * x**power) == pytest.approx(power, abs=1e-12)


def test_slope_is_that_of_least_squares_on_the_logarithms():
    x, y = [1, 10, 100], [1, 10, 10]  # logarithms 0 1 2 and 0 1 1
    assert measuring.slope(x, y) == pytest.approx(0.5)


@pytest.mark.parametrize(("x", "y"), [([10], [1]), ([10, 10], [1, 2]), ([1, 2], [0, 1])])
def test_slope_refuses_what_has_none(x, y):
    with pytest.raises(ValueError, match=r"expected two or more different sizes.*add a size"):
        measuring.slope(x, y)


@pytest.fixture
def clock(monkeypatch):
    """Replace the clock by a number that functions set forward."""
    now = [0.0]
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: now[0])
    return now


def test_sides_take_turns_and_the_median_counts(clock):
    calls = []
    takes = {"a": iter([5, 3, 4]), "b": iter([10, 30, 20])}

    def work(side):
        calls.append(side)
        clock[0] += next(takes[side])
        return len(calls)

    a, b = measuring.compare(lambda: work("a"), lambda: work("b"), n_runs=3)
    assert "".join(calls) == "ababab"
    assert (a, b) == ((4, 5), (20, 6))


@pytest.mark.parametrize(("takes", "calls"), [(0.1, 5), (0.75, 3), (1.0, 2), (2.0, 1)])
def test_short_work_is_repeated_within_its_turn(clock, takes, calls):
    done = []

    def work():
        done.append(len(done))
        clock[0] += takes

    (timed,) = measuring.compare(work, n_runs=3)
    assert len(done) == 3 * calls
    assert timed.seconds == pytest.approx(takes)


@pytest.mark.slow
def test_memory_is_that_of_the_point_alone():
    _ballast = np.ones(60_000_000)  # 480 MB in this process
    small, large = (
        growth.run_point("growth", samples=40, features=5, voxels=n) for n in (8, 100_000)
    )
    assert measuring.peak_mb() > 480
    assert small["peak_mb"] < 400
    assert large["peak_mb"] - small["peak_mb"] > 40 * 100_000 * 8 / 1e6  # at least the recording
    assert large["added_mb"] < large["peak_mb"] - 50  # Python and libraries take more than that


def test_made_up_runs_are_equally_long():
    X, runs = growth.made_up(300, 7)
    assert X.shape == (300, 7)
    assert np.bincount(runs).tolist() == [15] * 20


def test_voxels_are_scored_from_files_of_their_number(monkeypatch):
    scored, measured = [], growth.run_point

    def run_point(task, bold, **fixed):
        scored.append((task, np.load(bold).shape, fixed))
        return measured(task, bold=bold, **fixed) if len(scored) == 1 else {}

    monkeypatch.setitem(growth.CURVES, "voxels", {"samples": 60, "features": 3})
    monkeypatch.setattr(growth, "run_point", run_point)
    found, _ = growth._voxel_points([30, 50])
    fixed = {"samples": 60, "features": 3}
    assert scored == [("voxels", (60, 30), fixed), ("voxels", (60, 50), fixed)]
    assert set(found) == {"seconds", "n_runs", "peak_mb", "added_mb"}


def test_a_machine_without_a_known_library_for_products_is_described(monkeypatch):
    known = measuring.describe()
    monkeypatch.setattr(measuring, "threadpool_info", list)
    unknown = measuring.describe()
    assert unknown["threads"] == 1 and unknown["blas"]
    assert {key: unknown[key] for key in ("cores", "versions")} == {
        key: known[key] for key in ("cores", "versions")
    }


# ---- what is compared


def test_sides_of_ridge_compute_the_same():
    rng = np.random.default_rng(0)
    runs = np.repeat(np.arange(20), 12)
    X, Y = rng.standard_normal((240, 6)), rng.standard_normal((240, 30)) + 5
    Y += X @ rng.standard_normal((6, 30))
    folds = run_folds(runs, measuring.N_FOLDS)
    sides = topics.Sides(X, runs, folds)
    ours = sides.fit(Y)
    assert np.allclose(ours.cv_scores_, sides.sklearn_scores(Y), atol=1e-10)
    assert np.array_equal(ours.cv_scores_, sides.fit_in_double(Y).cv_scores_)
    assert sides.fit(Y.astype(np.float32)).cv_scores_.dtype == np.float32
    by_r2 = RidgeCV(
        measuring.ALPHAS, fit_intercept=True, cv=folds, solver_params={"score_func": r2_score}
    )
    assert np.allclose(ours.alpha_, by_r2.fit(X, Y).best_alphas_)
    errors = [
        np.mean([
            ((Y[test] - Ridge(alpha=alpha).fit(X[train], Y[train]).predict(X[test])) ** 2).mean(0)
            for train, test in folds
        ], axis=0)
        for alpha in measuring.ALPHAS
    ]  # fmt: skip
    assert np.allclose(
        sides.himalaya_fit(Y).best_alphas_, measuring.ALPHAS[np.argmin(errors, axis=0)]
    )


def test_nested_scores_stand_for_as_many_fits_as_a_loop_makes():
    folds, fits = range(measuring.N_FOLDS), 0
    for outer in folds:
        for alpha in measuring.ALPHAS:
            fits += sum(inner != outer for inner in folds)  # to choose
            fits += alpha > 0  # to score
    assert fits == topics.NESTED_FITS


# ---- operations and shares


def test_wide_sides_choose_the_same(monkeypatch):
    """Both fit in a process of their own; here a small case of each, in this one."""
    found = growth.wide("ours", samples=60, features=100, voxels=30)
    assert 0 < found["difference"] < 1e-8
    assert growth.wide("himalaya", samples=60, features=100, voxels=30)["seconds"] > 0


@pytest.mark.parametrize(
    ("n_samples", "n_features", "n_directions"),
    [(240, 12, 12), (240, 12, 9)],
    ids=["features that differ", "features that repeat others"],
)
def test_operations_are_those_of_the_tables(n_samples, n_features, n_directions):
    """The tables say what is multiplied; the formulas' own test counts the products."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features))
    X[:, n_directions:] = X[:, : n_features - n_directions]
    Y, runs = rng.standard_normal((n_samples, 7)), np.arange(n_samples) * 10 // n_samples
    plan = ridge.SumsPlan(X, tabulate(5, X, Y, runs), np.array(ALPHAS))
    p, d, K, a, v = n_features, n_directions, 5, len(ALPHAS), 7
    assert peak.operations(plan, n_samples, 7) == {
        "sums": 2 * n_samples * p * v,
        "means": 4 * K * p * K * v,
        "products": (4 * p * d + 2 * d * d) * K * v,
        "penalties": 4 * a * d * K * v,
    }


def test_the_steps_that_are_timed_run_on_every_block(monkeypatch):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((120, 6)), rng.standard_normal((120, 50))
    plan = ridge.SumsPlan(X, tabulate(5, X, Y, np.arange(120) // 12), np.array(ALPHAS))
    monkeypatch.setattr(peak, "BLOCK", 16)
    steps = peak._steps(plan, Y)
    assert list(steps) == list(peak.operations(plan, 120, 50))
    for step in steps.values():
        step()


def test_shares_add_up():
    seconds = {"whole": 10.0, "plan": 1.0, "sums": 2.0, "products": 3.0, "penalties": 1.5}
    counts = {"sums": 10e9, "products": 120e9, "penalties": 20e9}
    found = peak.shares(seconds, counts, rate=60.0)
    steps = {step["id"]: step for step in found["steps"]}
    assert found["share"] == pytest.approx(150 / (10 * 60))
    assert steps["rest"]["seconds"] == pytest.approx(2.5)
    assert sum(step["seconds"] for step in found["steps"]) == pytest.approx(10)
    assert steps["products"]["share"] == pytest.approx(120 / (3 * 60))
    assert steps["plan"]["share"] is None


# ---- rows and tables


def test_ratio_says_how_many_times_longer_the_others_take():
    row = measuring.ratio_row(
        "a", "b", "c", 0.5, 10.0, goal=20, n_runs=3, dtype="float64", threads=2
    )
    assert row["ratio"] == 20
    assert measuring.reached(row)
    assert not measuring.reached(row | {"goal": 20.1})
    assert measuring.reached(row | {"goal": None}) is None


@pytest.mark.parametrize(
    ("value", "limit", "at_most", "kept"),
    [
        (1, 2, True, True),
        (3, 2, True, False),
        (99, 98, False, True),
        (97, 98, False, False),
        (1, None, True, None),
    ],
)
def test_limits_hold_in_their_direction(value, limit, at_most, kept):
    details = {"n_runs": 1, "dtype": "float64", "threads": 1}
    row = measuring.limit_row("a", "b", value, "s", limit=limit, at_most=at_most, **details)
    assert measuring.reached(row) is kept


def test_floats_are_rounded_to_three_digits_and_whole_numbers_kept():
    numbers = 10 ** np.random.default_rng(0).uniform(-15, 9, 200) * np.resize([1, -1], 200)
    for number in numbers.tolist():
        assert measuring.rounded(number) == float(f"{number:.3g}")
    given = {"a": [123456, 1234.5, None, "b", True, 0.0], "c": (9.999, {"d": 2.0})}
    assert measuring.rounded(given) == {
        "a": [123456, 1230.0, None, "b", True, 0.0],
        "c": [10.0, {"d": 2.0}],
    }


def test_table_lines_columns_up():
    text = program.table(["name", "seconds"], [["a", 0.1234], ["long name", 1234.5], ["b", None]])
    assert text.splitlines() == [
        "name       seconds",
        "---------  -------",
        "a            0.123",
        "long name    1,230",
        "b                -",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (2.32e-14, "2.32e-14"),
        (0.05, "0.0500"),
        (5.0, "5.00"),
        (99.96, "100"),
        (0.0, "0.00"),
        (5438, "5,438"),
        (True, "yes"),
        (None, "-"),
        ("2 threads", "2 threads"),
    ],
)
def test_cells_show_three_digits(value, shown):
    assert program._cell(value) == shown


# ---- one topic anew


def topic(setting):
    """Return one row of each kind."""
    details = {"n_runs": 1, "dtype": "float64", "threads": 2}
    return (
        [measuring.ratio_row("old", "name", "what else", 1.0, 20.00001, **details)],
        [measuring.limit_row("new", "name", 3.0, "s", **details)],
    )


@pytest.fixture
def one_topic(monkeypatch):
    monkeypatch.setitem(program.GOALS, "topic", topic)
    monkeypatch.setattr(program.measuring, "load", lambda quick: None)
    return {
        "machine": measuring.rounded(measuring.describe()),
        "run": {"quick": False},
        "ratios": [{"id": "first"}, {"id": "old", "ratio": 5}, {"id": "last"}],
        "limits": [{"id": "kept"}],
    }


def test_a_topic_measured_anew_takes_the_place_of_its_rows(one_topic):
    program.measure_again(one_topic, "topic", quick=False)
    assert [row["id"] for row in one_topic["ratios"]] == ["first", "old", "last"]
    assert one_topic["ratios"][1]["ratio"] == 20
    assert [row["id"] for row in one_topic["limits"]] == ["kept", "new"]


def test_rows_of_another_machine_or_of_a_trial_are_not_mixed(one_topic):
    with pytest.raises(ValueError, match="Measure everything: leave out --only"):
        program.measure_again(one_topic, "topic", quick=True)
    one_topic["machine"]["cores"] += 1
    with pytest.raises(ValueError, match="Measure everything: leave out --only"):
        program.measure_again(one_topic, "topic", quick=False)
    assert one_topic["ratios"][1] == {"id": "old", "ratio": 5}


# ---- the stored results

RATIOS = {
    "ridge-sklearn-float64": 110,
    "ridge-sklearn-float32": 110,
    "ridge-himalaya-float64": 55,
    "ridge-himalaya-float32": 60,
    "ridge-example": 4,
    "wide-5000": 5,
    "wide-20000": 5,
    "lasso": 50,
    "permutations": None,
    "road": 2,
    "decoding": 1,
    "multiscale": None,
}
LIMITS = {
    "nested": None,
    "permutations-seconds": 30,
    "permutations-memory": 1.5,
    "wide-5000-memory": 3,
    "wide-5000-weights": 1e-8,
    "wide-20000-memory": 3,
    "wide-20000-weights": 1e-8,
    "lasso-memory": 1,
    "lasso-support": 99,
    "lasso-penalty": 99,
    "lasso-coefficients": 1e-6,
    "road-second-load": 0.3,
    "road-unpack": None,
    "decoding-f1": 0,
    "decoding-r": 0,
}
# Held against other programs, in a file of its own. prfpy is missing where PRFPY named no folder.
PRF_RATIOS = {"prf-prfpy": 300, "prf-pyprf": 300, "prf-popeye": None}
PRF_LIMITS = {"prf-one-s": 3, "prf-eight-s": 15, "prf-ours-mask-ms": None}
PRF_LIMITS |= {f"prf-screen-{shape}-ms": None for shape in ("10x10", "60x40", "128x128")}
PRF_ERRORS = ("centre", "off", "size", "spread")
PRF_LIMITS |= {
    f"prf-{who}-{what}": None
    for who in ("ours", "ours-pixels", "prfpy", "pyprf", "popeye")
    for what in (*PRF_ERRORS, "ms")
    if (who, what) != ("ours-pixels", "ms")
}


def said_of_each_row(stored):
    for row in stored["ratios"] + stored["limits"]:
        assert row["name"] and row["dtype"] and row["n_runs"] >= 1, row["id"]
        assert re.match(r"\d", row["threads"]), row["id"]


def test_stored_results_hold_each_goal(results):
    assert {row["id"]: row["goal"] for row in results["ratios"]} == RATIOS
    assert {row["id"]: row["limit"] for row in results["limits"]} == LIMITS
    said_of_each_row(results)


def test_stored_programs_hold_each_goal(programs):
    left_out = set() if any(row["id"] == "prf-prfpy" for row in programs["ratios"]) else {"prfpy"}
    for rows, key, wanted in [("ratios", "goal", PRF_RATIOS), ("limits", "limit", PRF_LIMITS)]:
        wanted = {id: goal for id, goal in wanted.items() if id.split("-")[1] not in left_out}
        assert {row["id"]: row[key] for row in programs[rows]} == wanted
        assert all(measuring.reached(row) is not False for row in programs[rows])
    said_of_each_row(programs)


def test_stored_errors_of_programs_are_possible(programs):
    values = {row["id"]: row["value"] for row in programs["limits"]}
    for id in {id.rsplit("-", 1)[0] for id in values if id.endswith("-off")}:
        centre, off, size, spread = (values[f"{id}-{what}"] for what in PRF_ERRORS)
        assert 0 < centre < 0.5 and 0 <= off < 50, id  # a median above half would be half off
        # The size of a median is at most the median of the sizes; both have three digits.
        assert abs(np.log(size)) <= 1.02 * spread, id
    mask = values["prf-ours-mask-ms"] * programs["recording"]["voxels"] / 1e3
    assert mask == pytest.approx(values["prf-one-s"], rel=0.02)


def test_stored_results_are_no_quick_trial(results, programs):
    sizes = {"samples": 2860, "features": 100, "voxels": 5438, "penalties": 20, "folds": 10}
    for stored in (results, programs):
        assert stored["run"]["quick"] is False
        assert stored["recording"] == sizes
    assert {name: curve["x"] for name, curve in results["growth"].items()} == growth.SIZES
    assert growth.SIZES["voxels"][0] == 1000 and growth.SIZES["voxels"][-1] == 200_000
    assert growth.SIZES["features"][0] == 100 and growth.SIZES["features"][-1] == 2000


def test_stored_ratios_are_those_of_the_stored_times(results, programs):
    for row in results["ratios"] + programs["ratios"]:
        assert row["ratio"] == pytest.approx(row["theirs_s"] / row["ours_s"], rel=0.012), row["id"]


def test_both_sides_of_the_stored_ratios_computed_the_same(results):
    agreement = {row["id"]: row["agreement"] for row in results["ratios"] if row["agreement"]}
    assert agreement["ridge-sklearn-float64"]["value"] < 1e-10
    assert agreement["ridge-sklearn-float32"]["value"] < 1e-3
    assert agreement["permutations"]["value"] < 1e-3
    assert agreement["road"]["value"] < 1e-5
    assert agreement["multiscale"]["value"] < 1e-4
    for id in agreement:
        if "himalaya" in id:
            assert agreement[id]["value"] > 95, id


def test_stored_slopes_are_those_of_the_stored_points(results):
    assert set(results["growth"]) == set(growth.CURVES)
    for name, curve in results["growth"].items():
        x = curve["x"]
        assert x == sorted(set(x)) and len(x) >= 3, name
        for key in ("seconds", "peak_mb", "added_mb", "n_runs"):
            assert len(curve[key]) == len(x), name
        for key, values in (("seconds", curve["seconds"]), ("mb", curve["added_mb"])):
            whole, end = curve[f"slope_{key}"], curve[f"slope_{key}_end"]
            assert whole == pytest.approx(measuring.slope(x, values), abs=0.01), name
            assert end == pytest.approx(measuring.slope(x[-3:], values[-3:]), abs=0.01), name
        assert set(curve["fixed"]) | {name} == {
            "samples", "features", "voxels", "penalties", "folds"
        }  # fmt: skip


def test_stored_whole_brain_is_the_largest_number_of_voxels(results):
    brain, curve = results["whole_brain"], results["growth"]["voxels"]
    for key, values in (("voxels", "x"), ("seconds", "seconds"), ("peak_mb", "peak_mb")):
        assert brain[key] == curve[values][-1]
    assert brain["voxels_per_second"] == pytest.approx(brain["voxels"] / brain["seconds"], rel=0.01)
    gigabytes = brain["voxels"] * brain["samples"] * 4 / 1e9
    assert brain["file_gb"] == pytest.approx(gigabytes, rel=0.01)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_stored_steps_add_up_to_the_whole(results, dtype):
    found = results["peak"][dtype]
    total = sum(step["seconds"] for step in found["steps"])
    assert total == pytest.approx(found["seconds"], rel=0.03)
    assert found["share"] == pytest.approx(found["gflops"] / found["matmul_gflops"], rel=0.012)
    counted = sum(step["gflop"] or 0 for step in found["steps"])
    assert counted == pytest.approx(found["gflop"], rel=0.012)


@pytest.mark.parametrize("path", [RESULTS, PROGRAMS], ids=lambda path: path.stem)
def test_stored_results_say_where_they_come_from_without_naming_a_computer(path):
    text = path.read_text(encoding="utf-8")
    results = json.loads(text)
    machine = results["machine"]
    assert machine["processor"] and machine["cores"] >= 1 and machine["threads"] >= 1
    assert set(machine["versions"]) == {
        "python", "numpy", "scipy", "scikit-learn", "himalaya", "nilearn"
    }  # fmt: skip
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", results["run"]["date"])
    assert not re.search(r"(/|\\\\)(home|root|work|tmp|Users)\b", text)
    floats = re.findall(r"-?\d+\.\d+(?:e[+-]\d+)?", re.sub(r'"[^"]*"', "", text))
    assert [number for number in floats if float(number) != float(f"{float(number):.3g}")] == []


def test_stored_results_can_be_printed(results, programs):
    text, of_programs = program.tables(results), program.tables(programs)
    for id in [*RATIOS, *LIMITS, *(f"Growth with {name}" for name in growth.CURVES)]:
        assert id in text
    for row in programs["ratios"] + programs["limits"]:
        assert row["id"] in of_programs
    assert max(map(len, [*text.splitlines(), *of_programs.splitlines()])) < 160
