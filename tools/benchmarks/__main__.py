"""Measure everything, print the tables, and write results.json.

In the folder ``tools``:

python -m benchmarks            # about 25 minutes on two cores
python -m benchmarks --quick    # two minutes: few voxels, once; its numbers mean little
python -m benchmarks --only decoding    # one topic; the other rows of the file stay
python -m benchmarks --programs    # against other programs, into programs.json; ten minutes
"""

import argparse
import json
import time
from datetime import UTC, datetime
from math import floor, log10
from pathlib import Path

from benchmarks import growth, measuring, peak, peers, topics
from benchmarks.measuring import DIGITS, reached, rounded

RESULTS = Path(__file__).with_name("results.json")
# Other programs may be missing elsewhere, so what is held against them has a file of its own.
PROGRAMS = Path(__file__).with_name("programs.json")
GOALS = {
    "ridge": topics.ridge,
    "wide features": topics.wide,
    "receptive fields": topics.receptive_fields,
    "permutations": topics.permutations,
    "loading": topics.loading,
    "decoding": topics.decoding,
}


def main():
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="few voxels, each once: a trial")
    parser.add_argument("--only", choices=list(GOALS), help="measure one topic anew")
    parser.add_argument(
        "--programs", action="store_true", help="hold receptive fields against other programs"
    )
    parser.add_argument("--output", type=Path, default=None, help="the file to write")
    arguments = parser.parse_args()
    arguments.output = arguments.output or (PROGRAMS if arguments.programs else RESULTS)
    if arguments.programs:
        results = measure_programs(arguments.quick)
    elif arguments.only:
        results = json.loads(arguments.output.read_text(encoding="utf-8"))
        measure_again(results, arguments.only, arguments.quick)
    else:
        results = measure(arguments.quick)
    arguments.output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(tables(results))
    print(f"\nWritten to {arguments.output.name}.")


def measure(quick):
    """Measure everything; say what is being measured.

    Parameters
    ----------
    quick : bool

    Returns
    -------
    dict
        What results.json holds.
    """
    start = time.perf_counter()
    twin = measuring.load(quick)
    results = _describe(twin, quick) | {"ratios": [], "limits": []}
    for name, topic in GOALS.items():
        print(f"Measuring {name} ...", flush=True)
        ratios, limits = topic(twin)
        results["ratios"] += ratios
        results["limits"] += limits
    print("Measuring the share of the machine's rate ...", flush=True)
    results["peak"] = peak.measure(twin)
    print("Measuring growth ...", flush=True)
    results["growth"], results["whole_brain"] = growth.measure(quick)
    results["run"]["minutes"] = (time.perf_counter() - start) / 60
    return rounded(results)


def measure_programs(quick):
    """Measure what other programs do, too.

    Parameters
    ----------
    quick : bool

    Returns
    -------
    dict
        What programs.json holds.
    """
    start = time.perf_counter()
    twin = measuring.load(quick)
    ratios, limits = peers.measure(twin)
    results = _describe(twin, quick) | {"ratios": ratios, "limits": limits}
    results["run"]["minutes"] = (time.perf_counter() - start) / 60
    return rounded(results)


def _describe(twin, quick):
    """Say when, where and on what was measured."""
    return {
        "run": {"date": str(datetime.now(UTC).date()), "quick": quick},
        "machine": measuring.describe(),
        "recording": twin.sizes(),
    }


def measure_again(results, name, quick):
    """Measure one topic; its rows take the place of those with the same id.

    Parameters
    ----------
    results : dict
        What results.json holds; changed in place.
    name : str
        One of `GOALS`.
    quick : bool

    Raises
    ------
    ValueError
        If the other rows come from another machine, other versions, or the other kind of run.
    """
    here = {"machine": rounded(measuring.describe()), "quick": quick}
    there = {"machine": results["machine"], "quick": results["run"]["quick"]}
    if here != there:
        raise ValueError(
            f"The file's rows come from {there}, this run from {here}; expected the same, so that "
            "rows can stand side by side. Measure everything: leave out --only."
        )
    ratios, limits = GOALS[name](measuring.load(quick))
    for key, rows in {"ratios": ratios, "limits": limits}.items():
        by_id = {row["id"]: row for row in [*results[key], *rounded(rows)]}
        results[key] = list(by_id.values())


def tables(results):
    """Lay out all results.

    Parameters
    ----------
    results : dict
        What results.json or programs.json holds.

    Returns
    -------
    str
    """
    parts = [
        _heading(results),
        _ratios(results["ratios"]),
        _limits(results["limits"]),
        *(_curve(name, curve) for name, curve in results.get("growth", {}).items()),
        *map(_peak, results.get("peak", {}).values()),
    ]
    return "\n\n".join(parts)


def _heading(results):
    machine, sizes = results["machine"], results["recording"]
    quick = "\nA quick run, to try the benchmarks out: do not quote its numbers."
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads, "
        f"{machine['blas']}; {results['run']['date']}, {results['run']['minutes']} minutes\n"
        f"{sizes['samples']} samples x {sizes['features']} features -> {sizes['voxels']} voxels"
    ) + (quick if results["run"]["quick"] else "")


def _ratios(rows):
    head = ["id", "ours, s", "theirs, s", "ratio", "goal", "reached", "threads", "compared with"]
    keys = ["id", "ours_s", "theirs_s", "ratio", "goal", "reached", "threads", "compared_with"]
    return table(head, _lines(rows, keys))


def _limits(rows):
    head = ["id", "value", "limit", "unit", "reached", "what"]
    return table(head, _lines(rows, ["id", "value", "limit", "unit", "reached", "name"]))


def _lines(rows, keys):
    return [[(row | {"reached": reached(row)})[key] for key in keys] for row in rows]


def _curve(name, curve):
    fixed = ", ".join(f"{value} {key}" for key, value in curve["fixed"].items())
    keys = ["x", "seconds", "peak_mb", "added_mb"]
    lines = [list(line) for line in zip(*(curve[key] for key in keys), strict=True)]
    return (
        f"Growth with {name} ({fixed}; {curve['method']}, {curve['dtype']})\n"
        + table([name, "seconds", "MB at most", "MB added"], lines)
        + f"\nslope of seconds {curve['slope_seconds']}, at the end {curve['slope_seconds_end']}; "
        f"of MB added {curve['slope_mb']}, at the end {curve['slope_mb_end']}"
    )


def _peak(peak):
    head = ["step", "seconds", "10^9 operations", "share of the rate"]
    lines = [[s["name"], s["seconds"], s["gflop"], s["share"]] for s in peak["steps"]]
    lines.append(["all", peak["seconds"], peak["gflop"], peak["share"]])
    return (
        f"Share of the machine's rate in {peak['dtype']}: {peak['gflops']} of "
        f"{peak['matmul_gflops']} x 10^9 operations a second\n" + table(head, lines)
    )


def table(head, lines):
    """Lay out a table in plain text; numbers stand right, words left.

    Parameters
    ----------
    head : list of str
    lines : list of list
        Cells: str, number or None.

    Returns
    -------
    str
    """
    cells = [head, *([_cell(value) for value in line] for line in lines)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [
        all(isinstance(value, int | float | None) for value in column)
        for column in zip(*lines, strict=True)
    ]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in cells
    )


def _cell(value):
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        value = rounded(value)
        if 0 < abs(value) < 1e-3:
            return f"{value:.3g}"
        return f"{value:,.{max(0, DIGITS - 1 - floor(log10(abs(value) or 1)))}f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    main()
