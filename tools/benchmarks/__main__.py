"""Measure everything, print the tables, and write results.json.

In the folder ``tools``:

python -m benchmarks            # about 25 minutes on two cores
python -m benchmarks --quick    # two minutes: few voxels, once; its numbers mean little
python -m benchmarks --only decoding    # one topic; the other rows of the file stay
"""

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import (
    decoding_goal,
    growth,
    lasso_goal,
    machine,
    peak,
    permutation_goal,
    ridge_goals,
    road_goal,
    setting,
)
from benchmarks.rows import rounded
from benchmarks.tables import tables

RESULTS = Path(__file__).with_name("results.json")
GOALS = {
    "ridge": ridge_goals,
    "receptive fields": lasso_goal,
    "permutations": permutation_goal,
    "loading": road_goal,
    "decoding": decoding_goal,
}


def main():
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="few voxels, each once: a trial")
    parser.add_argument("--only", choices=list(GOALS), help="measure one topic anew")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the file to write")
    arguments = parser.parse_args()
    if arguments.only:
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
    twin = setting.load(quick)
    results = {
        "run": {"date": str(datetime.now(UTC).date()), "quick": quick},
        "machine": machine.describe(),
        "recording": twin.sizes(),
        "ratios": [],
        "limits": [],
    }
    for name, topic in GOALS.items():
        print(f"Measuring {name} ...", flush=True)
        ratios, limits = topic.measure(twin)
        results["ratios"] += ratios
        results["limits"] += limits
    print("Measuring the share of the machine's rate ...", flush=True)
    results["peak"] = peak.measure(twin)
    print("Measuring growth ...", flush=True)
    results["growth"], results["whole_brain"] = growth.measure(quick)
    results["run"]["minutes"] = (time.perf_counter() - start) / 60
    return rounded(results)


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
    here = {"machine": rounded(machine.describe()), "quick": quick}
    there = {"machine": results["machine"], "quick": results["run"]["quick"]}
    if here != there:
        raise ValueError(
            f"The file's rows come from {there}, this run from {here}; expected the same, so that "
            "rows can stand side by side. Measure everything: leave out --only."
        )
    ratios, limits = GOALS[name].measure(setting.load(quick))
    for key, rows in {"ratios": ratios, "limits": limits}.items():
        by_id = {row["id"]: row for row in [*results[key], *rounded(rows)]}
        results[key] = list(by_id.values())


if __name__ == "__main__":
    main()
