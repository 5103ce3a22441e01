"""How fast is minires on this machine, and how much memory does it take? Compared with PyTorch, where that is
installed.

    report = bench.measure(bench.all_rows(), seconds=12)
    print(bench.table(report))

`rows` lists what is measured, `sides` who does it, `clock` how it is timed, `ceilings` what the machine can
do at best, `memory` the peak of a training step, `report` puts all of it into one table; `profile` takes a
single step apart, layer by layer, and `depth` compares a layer's cost in networks of 20 to 1202 layers."""

from minires.bench.memory import peak_memory
from minires.bench.report import measure, table
from minires.bench.rows import all_rows, of_model, select

__all__ = ["all_rows", "measure", "of_model", "peak_memory", "select", "table"]
