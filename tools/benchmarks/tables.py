"""The results as tables to read."""

from benchmarks.rows import reached, table


def tables(results):
    """Lay out all results.

    Parameters
    ----------
    results : dict
        What results.json holds.

    Returns
    -------
    str
    """
    parts = [
        _heading(results),
        _ratios(results["ratios"]),
        _limits(results["limits"]),
        *(_curve(name, curve) for name, curve in results["growth"].items()),
        *map(_peak, results["peak"].values()),
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
