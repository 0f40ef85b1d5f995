"""What fastrnn reaches on recordings of people and things; `MODULES` is what is measured."""

from __future__ import annotations

from real_data import (
    detection,
    fir_action,
    generation,
    grid_lips,
    mnist,
    speech,
    tracking,
    weizmann,
)
from real_data.task import Task

MODULES = (mnist, weizmann, fir_action, grid_lips, speech, tracking, detection, generation)
TASKS: dict[str, Task] = {task.name: task for module in MODULES for task in module.TASKS}
