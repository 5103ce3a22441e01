"""Training: the loop, and what it takes to leave it alone for a night::

    from minires.train import Config, prepare
    trainer = prepare(Config.for_data("digits"))
    history = trainer.run()                       # one dict an epoch

`loop` is the loop itself; `config` what a run is made of; `evaluation` the errors that it reports;
`safeguard` finds where a number ceased to be finite; `resume` says what a checkpoint holds; `run_folder`
keeps the files that a run leaves behind; `exact_statistics` replaces batch norm's running averages.
"""

from minires.train.config import Config
from minires.train.evaluation import evaluate
from minires.train.exact_statistics import recompute_statistics
from minires.train.gradients import parameters_only
from minires.train.loop import Progress, Reporter, Trainer, prepare
from minires.train.safeguard import NotFiniteError

__all__ = [
    "Config",
    "NotFiniteError",
    "Progress",
    "Reporter",
    "Trainer",
    "evaluate",
    "parameters_only",
    "prepare",
    "recompute_statistics",
]
