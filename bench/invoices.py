"""The row `sale`, a minute later: what the invoice of each takes."""

import time

from bench.accounting import Accountant
from bench.checks import count_invoices, false_invoices
from bench.figures import Finding
from bench.stage import Stage
from boxoffice.invoices.writing import write_due_invoices

ROW = "sale"


async def measure_invoices(stage: Stage, accountant: Accountant, _seed: int) -> list[Finding]:
    """Write the invoices of all that was sold, as the job does, in this process.

    The server has written some if it is a minute old; they are not counted.
    """
    written, before, began = await count_invoices(stage.db), accountant.read(), time.process_time()
    await write_due_invoices(stage.db)
    app_ms, spent = (time.process_time() - began) * 1000, accountant.read() - before
    count = await count_invoices(stage.db) - written
    each = (app_ms + spent.postgres * 1000) / max(count, 1)
    faults = await false_invoices(stage.db)
    return [Finding(row=ROW, name="CPU of an invoice", value=each, unit="ms", faults=faults)]
