// What the cells are compiled for: the vectors of an instruction set, or one lane, as a GPU's
// thread has it. Who wants one lane includes cells/lane.h first.
#pragma once

#ifndef FASTRNN_ONE_LANE
#include "cpu/vmath.h"
#endif
