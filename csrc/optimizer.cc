// optimizer.h's functions, for the machine's instruction set.
#include "optimizer.h"

#include <type_traits>

#include "dispatch.h"

namespace fastrnn {
FASTRNN_DISPATCH(OptimizerTable, optimizer_table, (), ())

namespace {

template <class T>
const OptimizerFunctions<T>& functions() {
  if constexpr (std::is_same_v<T, float>) {
    return optimizer_table()->f32;
  } else {
    return optimizer_table()->f64;
  }
}

}  // namespace

template <class T>
void sgd_update(const SgdUpdate<T>& update) {
  functions<T>().sgd(update);
}

template <class T>
void rmsprop_update(const RmspropUpdate<T>& update) {
  functions<T>().rmsprop(update);
}

template <class T>
void adam_update(const AdamUpdate<T>& update) {
  functions<T>().adam(update);
}

#define FASTRNN_INSTANTIATE(T)                              \
  template void sgd_update<T>(const SgdUpdate<T>&);         \
  template void rmsprop_update<T>(const RmspropUpdate<T>&); \
  template void adam_update<T>(const AdamUpdate<T>&);
FASTRNN_INSTANTIATE(float)
FASTRNN_INSTANTIATE(double)
#undef FASTRNN_INSTANTIATE

}  // namespace fastrnn
