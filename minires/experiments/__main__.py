"""python -m minires.experiments NAME SETTING --out DIR trains an experiment's networks."""

import argparse
import contextlib
import sys

from minires.experiments.plans import PLANS, SETTINGS
from minires.experiments.runner import run


def main():
    parser = argparse.ArgumentParser(prog="python -m minires.experiments", description=__doc__)
    parser.add_argument("experiment", choices=(*PLANS, "detection", "fine_tuning"))
    parser.add_argument("setting", choices=SETTINGS)
    parser.add_argument(
        "--out", metavar="DIR", required=True, help="output folder; an interrupted run resumes there"
    )
    parser.add_argument("--arms", nargs="+", metavar="NAME", help="only these networks")
    parser.add_argument("--seeds", type=int, nargs="+", metavar="N", help="instead of the plan's")
    parser.add_argument("--data-dir", metavar="DIR", help="folder of the data set")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (all usable cores)")
    options = vars(parser.parse_args())
    name, setting = options.pop("experiment"), options.pop("setting")
    if name == "detection":  # on the CPU, on scenes that are generated
        del options["data_dir"], options["device"]
    if name == "fine_tuning":  # on the CPU
        del options["device"]
    # the data set's folder is left out: where it lies is another matter on every machine
    threads = f" --threads {options['threads']}" if options["threads"] else ""
    command = f"python -m minires.experiments {name} {setting}{threads}"
    run(name, setting, command=command, done=_say, **options)


def _say(run):
    if run.experiment == "detection":
        found = f"mAP {run.final('map'):.3f} (IoU 0.5), {run.final('map_75'):.3f} (IoU 0.75)"
    else:
        errors = (100 * run.final(name) for name in ("train_error", "test_error"))
        found = "train error {:.1f} %, test {:.1f} %".format(*errors)
    with contextlib.suppress(OSError):  # a log that cannot be written ends no training
        print(f"{run.arm}, seed {run.seed}: {found}, {run.seconds:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
