#include "cuda/persistent_kernel.h"

namespace fastrnn::cuda {
template const void* persistent_kernel<Tf32Product>(bool backward, int tiles);
}
