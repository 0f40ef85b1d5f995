"""What fastrnn reaches on recordings of people and things: a file for each data set."""

from __future__ import annotations

from real_data import fir_action, grid_lips, mnist, speech, weizmann
from real_data.task import Task

MODULES = (mnist, speech, weizmann, fir_action, grid_lips)
TASKS: dict[str, Task] = {task.name: task for module in MODULES for task in module.TASKS}
