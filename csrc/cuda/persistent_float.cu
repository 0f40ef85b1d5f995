#include "cuda/persistent_kernel.h"

namespace fastrnn::cuda {
template const void* persistent_kernel<FloatProduct>(bool backward, int tiles);
}
