#include "cuda/queue.h"

namespace fastrnn::cuda {
template void enqueue<float>(const Problem&, const Plan&, const Arrays&, void*, cudaStream_t);
}
