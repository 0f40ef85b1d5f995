"""The kernels as functions over NumPy arrays.

Shapes and dtypes are checked here; then the C++ core runs. N sequences, T steps, I inputs, H hidden
units; equations in docs/equations.md.
"""

from fastrnn.ops._sequence import FUSED_ACTIVATIONS
from fastrnn.ops.activations import *
from fastrnn.ops.dense import *
from fastrnn.ops.losses import *
from fastrnn.ops.optimizers import *
from fastrnn.ops.packed import *
from fastrnn.ops.recurrent import *
