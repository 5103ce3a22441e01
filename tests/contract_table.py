"""All rows of the table of layers and blocks: the basic ones, and those that families of networks add."""

import contract_cases
import contract_rows_gates
import contract_rows_history
import contract_rows_residual

CASES = [
    *contract_cases.CASES,
    *contract_rows_gates.ROWS,
    *contract_rows_history.ROWS,
    *contract_rows_residual.ROWS,
]
