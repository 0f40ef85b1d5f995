#include "cuda/persistent_kernel.h"

namespace fastrnn::cuda {
template const void* persistent_kernel<HalfProduct<BFloat16>>(bool backward, int tiles);
}
