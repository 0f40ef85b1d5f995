// elementwise.h's functions, for the machine's instruction set.
#include "elementwise.h"

#include "dispatch.h"

namespace fastrnn {
FASTRNN_DISPATCH(ElementwiseTable, elementwise_table, (), ())

template <class T>
void activation_forward(Activation activation, double parameter, std::ptrdiff_t count, const T* x,
                        T* y) {
  functions<T>(elementwise_table()).activation_forward(activation, parameter, count, x, y);
}

template <class T>
void activation_backward(Activation activation, double parameter, std::ptrdiff_t count, const T* dy,
                         const T* x, const T* y, T* dx) {
  functions<T>(elementwise_table()).activation_backward(activation, parameter, count, dy, x, y, dx);
}

template <class T>
void row_activation_forward(RowActivation activation, std::ptrdiff_t rows, std::ptrdiff_t columns,
                            const T* x, T* y) {
  functions<T>(elementwise_table()).row_activation_forward(activation, rows, columns, x, y);
}

template <class T>
void row_activation_backward(RowActivation activation, std::ptrdiff_t rows, std::ptrdiff_t columns,
                             const T* dy, const T* saved, T* dx) {
  functions<T>(elementwise_table())
      .row_activation_backward(activation, rows, columns, dy, saved, dx);
}

template <class T>
void softmax_cross_entropy(std::ptrdiff_t rows, std::ptrdiff_t classes, const T* logits,
                           const std::int64_t* labels, T* loss, T* dlogits) {
  functions<T>(elementwise_table())
      .label_cross_entropy(rows, classes, logits, labels, loss, dlogits);
}

template <class T>
void softmax_cross_entropy(std::ptrdiff_t rows, std::ptrdiff_t classes, const T* logits,
                           const T* targets, T* loss, T* dlogits) {
  functions<T>(elementwise_table())
      .softmax_cross_entropy(rows, classes, logits, targets, loss, dlogits);
}

template <class T>
void sigmoid_cross_entropy(std::ptrdiff_t count, const T* logits, const T* targets, T* loss,
                           T* dlogits) {
  functions<T>(elementwise_table()).sigmoid_cross_entropy(count, logits, targets, loss, dlogits);
}

template <class T>
void distance_loss(Distance distance, double delta, std::ptrdiff_t rows, std::ptrdiff_t columns,
                   const T* truth, const T* prediction, T* loss, T* gradient) {
  functions<T>(elementwise_table())
      .distance_loss(distance, delta, rows, columns, truth, prediction, loss, gradient);
}

#define FASTRNN_INSTANTIATE(T)                                                                     \
  template void activation_forward<T>(Activation, double, std::ptrdiff_t, const T*, T*);           \
  template void activation_backward<T>(Activation, double, std::ptrdiff_t, const T*, const T*,     \
                                       const T*, T*);                                              \
  template void row_activation_forward<T>(RowActivation, std::ptrdiff_t, std::ptrdiff_t, const T*, \
                                          T*);                                                     \
  template void row_activation_backward<T>(RowActivation, std::ptrdiff_t, std::ptrdiff_t,          \
                                           const T*, const T*, T*);                                \
  template void softmax_cross_entropy<T>(std::ptrdiff_t, std::ptrdiff_t, const T*,                 \
                                         const std::int64_t*, T*, T*);                             \
  template void softmax_cross_entropy<T>(std::ptrdiff_t, std::ptrdiff_t, const T*, const T*, T*,   \
                                         T*);                                                      \
  template void sigmoid_cross_entropy<T>(std::ptrdiff_t, const T*, const T*, T*, T*);              \
  template void distance_loss<T>(Distance, double, std::ptrdiff_t, std::ptrdiff_t, const T*,       \
                                 const T*, T*, T*);
FASTRNN_INSTANTIATE(float)
FASTRNN_INSTANTIATE(double)
#undef FASTRNN_INSTANTIATE

}  // namespace fastrnn
