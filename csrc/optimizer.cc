// optimizer.h's functions, for the machine's instruction set.
#include "optimizer.h"

#include "dispatch.h"

namespace fastrnn {
FASTRNN_DISPATCH(OptimizerTable, optimizer_table, (), ())

template <class T>
void optimizer_update(const OptimizerUpdate<T>& update) {
  functions<T>(optimizer_table()).update(update);
}

template <class T>
void average_update(std::ptrdiff_t count, T* average, const T* params, double momentum) {
  functions<T>(optimizer_table()).average(count, average, params, momentum);
}

template <class T>
double square_sum(std::ptrdiff_t count, const T* x) {
  return functions<T>(optimizer_table()).square_sum(count, x);
}

template <class T>
double penalty(std::ptrdiff_t count, const T* params, T* grads, double l1, double l2) {
  return functions<T>(optimizer_table()).penalty(count, params, grads, l1, l2);
}

#define FASTRNN_INSTANTIATE(T)                                           \
  template void optimizer_update<T>(const OptimizerUpdate<T>&);          \
  template void average_update<T>(std::ptrdiff_t, T*, const T*, double); \
  template double square_sum<T>(std::ptrdiff_t, const T*);               \
  template double penalty<T>(std::ptrdiff_t, const T*, T*, double, double);
FASTRNN_INSTANTIATE(float)
FASTRNN_INSTANTIATE(double)
#undef FASTRNN_INSTANTIATE

}  // namespace fastrnn
