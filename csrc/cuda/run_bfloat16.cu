#include "cuda/queue.h"

namespace fastrnn::cuda {
template void enqueue<BFloat16>(const Problem&, const Plan&, const Arrays&, void*, cudaStream_t);
}
