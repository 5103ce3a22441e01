"""The experiments of the lessons that train: several networks under equal conditions, from several seeds.

    from minires import experiments
    runs = experiments.run("degradation", "live", seeds=[0])     # minutes, on the embedded digits
    runs = experiments.stored("degradation")                     # longer runs, which come with minires
    runs["plain-20"][0].final("train_error")

Every run leaves one JSON file that says by which command, from which commit, seed and machine it came and
how long it took; `python -m minires.experiments degradation stored --out DIR` repeats those of the second
line.
"""

from minires.experiments.plans import PLANS, Plan, plan
from minires.experiments.record import Run, read, stored
from minires.experiments.runner import run, run_one

__all__ = ["PLANS", "Plan", "Run", "plan", "read", "run", "run_one", "stored"]
