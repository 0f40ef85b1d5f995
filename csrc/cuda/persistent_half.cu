#include "cuda/persistent_kernel.h"

namespace fastrnn::cuda {
template const void* persistent_kernel<HalfProduct<Half>>(bool backward, int tiles);
}
