"""The table of `minires bench`: every row measured, and compared with the machine's limits and PyTorch."""

import os
import statistics

from minires.bench import ceilings, clock, memory
from minires.bench.rows import GRADCHECK, MEMORY, PIPELINE, SGEMM_FRACTION
from minires.bench.sides import SIDES, available
from minires.kernels.cpu import parallel

BUSY = 0.7  # programs that ran at once during the last minute, without us
HEAD = (
    f"{'time / PyTorch':>67}{'% of':>30}{'% of':>13}\n"
    f"{'ms':>51}{'NCHW':>8}{'ch.last':>8}{'target':>7}{'GFLOP/s':>16}{'sgemm':>7}{'GB/s':>7}{'copy':>6}"
)


def measure(rows, *, seconds, steps=None, say=None):
    """Measure the Rows and return a dict: machine, threads, ceilings, records, checks.

    seconds: roughly how long to measure each row; steps: or this many rounds. say: called with each piece of
    the table's text as soon as it is measured."""
    say = say or (lambda text: None)
    limits = ceilings.workloads()
    report = {
        "machine": ceilings.machine(),
        "threads": parallel.get_threads(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
        "torch": "torch" in available(),
        "ceilings": ceilings.measure(limits),
        "records": [],
    }
    say(_opening(report))
    for row in rows:
        report["records"].append(_measure(row, limits, report["ceilings"], seconds, steps))
        say(_line(report["records"], -1))
    report["checks"] = _checks({record["name"]: record for record in report["records"]})
    say(_closing(report))
    return report


def _measure(row, limits, best, seconds, steps):
    """Return the record of one Row: a dict of what stands in its line, with None where there is nothing.

    limits: the workloads of the ceilings, which take their turns too; best: what they reached at the start.
    """
    workloads = {side: row.prepare(side) for side in row.sides}
    if row.bytes:
        workloads |= limits
    if row.name == "gradcheck":
        times = {"minires": [clock.once(workloads["minires"])]}  # long enough, and alone
    else:
        times = clock.in_turn(workloads, seconds=seconds, steps=steps)
    del workloads  # the networks, before others are built for the memory
    disturbed = clock.disturbed(times[side] for side in row.sides)
    if row.bytes:  # a disturbance that lasts shows in the ceilings' turns
        at_best = [ceilings.work_of("sgemm") / best["sgemm"]]
        disturbed = disturbed or clock.disturbed([times["sgemm"]], at_best)
    ours = times["minires"]
    ratios = {side: clock.ratio(ours, times[side]) for side in row.sides if side != "minires"}
    return {
        "name": row.name,
        "detail": row.detail,
        "group": row.group,
        "rounds": len(ours),
        "disturbed": disturbed,
        "seconds": {side: statistics.median(times[side]) for side in row.sides},
        "ratios": ratios,
        "target": row.target,
        "stretch": row.stretch,
        "verdict": None if disturbed else _verdict(ratios.get("torch"), row.target, row.stretch),
        "flops": row.flops,
        "bytes": row.bytes,
        "sgemm_fraction": ceilings.fraction("sgemm", row.flops, ours, times["sgemm"]) if row.flops else None,
        "copy_fraction": ceilings.fraction("copy", row.bytes, ours, times["copy"]) if row.bytes else None,
        "peak_mb": {side: memory.peak_memory(side, **row.task) for side in row.sides} if row.task else None,
    }


def _checks(records):
    """Return the targets that are not ratios of times, as far as they were measured: a list of dicts."""
    checks = []
    for record in records.values():
        peaks = record.get("peak_mb") or {}
        if peaks.get("torch"):
            checks.append(
                _check(
                    f"{record['name']}, peak memory / PyTorch NCHW", peaks["minires"] / peaks["torch"], MEMORY
                )
            )
    if "resnet50 step" in records:
        fraction = records["resnet50 step"]["sgemm_fraction"]
        checks.append(
            _check("resnet50 step, fraction of the sgemm rate", fraction, SGEMM_FRACTION, least=True)
        )
    if {"pipeline", "resnet20 step"} <= records.keys():  # both of 128 images
        times = [records[name]["seconds"]["minires"] for name in ("resnet20 step", "pipeline")]
        checks.append(
            _check("input pipeline / what resnet20 step consumes", times[0] / times[1], PIPELINE, least=True)
        )
    if "gradcheck" in records:
        checks.append(
            _check("full gradient check, seconds", records["gradcheck"]["seconds"]["minires"], GRADCHECK)
        )
    return checks


def _check(what, value, targets, least=False):
    return {
        "what": what,
        "value": value,
        "least": least,
        "target": targets[0],
        "stretch": targets[1],
        "verdict": _verdict(value, *targets, least=least),
    }


def _verdict(value, target, stretch, least=False):
    """Return "stretch", "met" or "missed", or None where there is nothing to judge."""
    if value is None or target is None:
        return None

    def reached(goal):
        return goal is not None and (value >= goal if least else value <= goal)

    return "stretch" if reached(stretch) else "met" if reached(target) else "missed"


# -- as text -----------------------------------------------------------------------------------------------


def table(report):
    """Return the report as text, at most 110 columns wide."""
    lines = [_line(report["records"], i) for i in range(len(report["records"]))]
    return "\n".join(filter(None, [_opening(report), *lines, _closing(report)]))


def _opening(report):
    """Return the lines about the machine and what it can do at best, and the table's head."""
    sgemm, copy = report["ceilings"]["sgemm"] / 1e9, report["ceilings"]["copy"] / 1e9
    lines = [
        report["machine"],
        f"{report['threads']} threads, float32; a large matrix product (sgemm) runs at {sgemm:.0f} GFLOP/s, "
        f"a large copy at {copy:.1f} GB/s",
    ]
    load = report["load"]
    if load > BUSY:
        lines += [
            f"Other programs are running (load {load:.1f}): wait until the machine is idle, then try again,",
            "because PyTorch's threads, which spin while they wait, suffer from that more than ours.",
        ]
    return "\n".join([*lines, "", HEAD])


def _line(records, i):
    """Return the line of a record, under its group's heading if it is the first of it."""
    record = records[i]
    ours, ratios = record["seconds"]["minires"], record["ratios"]
    target = f"<={record['target']:.1f}" if record["target"] and ratios else ""
    arithmetic, traffic = " " * 15, ""
    if record["flops"]:
        arithmetic = f"{record['flops'] / ours / 1e9:8.0f}{100 * record['sgemm_fraction']:6.0f}%"
    if record["bytes"]:
        traffic = f"{record['bytes'] / ours / 1e9:7.1f}{100 * record['copy_fraction']:5.0f}%"
    mark = "~" if record["disturbed"] else " "
    line = (
        f"{mark} {record['name']:23}{record['detail']:18}{_milliseconds(ours):>8}"
        f"{_ratio(ratios.get('torch')):>8}{_ratio(ratios.get('torch-channels-last')):>8}{target:>7} "
        f"{record['verdict'] or '':7}{arithmetic}{traffic}"
    ).rstrip()
    first = len(records[:i]) == 0 or records[i - 1]["group"] != record["group"]
    return f"{record['group']}\n{line}" if first else line


def _closing(report):
    """Return what stands below the table: peak memory, and the targets that are not ratios of times."""
    lines = []
    peaks = {record["name"]: record["peak_mb"] for record in report["records"] if record.get("peak_mb")}
    if peaks:
        lines += [
            f"peak memory of a training step in MB{'':2}" + "".join(f"{side:>24}" for side in SIDES.values())
        ]
        for name, each in peaks.items():
            lines.append(f"  {name:35}" + "".join(f"{_megabytes(each.get(side)):>24}" for side in SIDES))
    if report["checks"]:
        lines.append("other targets")
    for check in report["checks"]:
        target = f"{'>=' if check['least'] else '<='}{check['target']:g}"
        lines.append(f"  {check['what']:51}{check['value']:10.2f}{target:>8} {check['verdict']}")
    if any(record["disturbed"] for record in report["records"]):
        lines.append("~ disturbed: runs of the same work took very different times; do not quote these rows")
    if not report["torch"]:
        lines.append('\nPyTorch is not installed; to compare with it: pip install "minires-learn[parity]"')
    return "\n".join(lines)


def _megabytes(value):
    return "" if value is None else f"{value:.0f}"


def _milliseconds(seconds):
    return f"{1000 * seconds:.{max(0, min(3, 2 - len(str(int(1000 * seconds)))))}f}"


def _ratio(value):
    return "" if value is None else f"{value:.2f}"
