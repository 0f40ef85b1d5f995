// Activations and losses over whole arrays: elementwise.h says what each does.
#include "elementwise.h"

#include "cpu/rows.h"
#include "cpu/unfused_activations.h"

FASTRNN_ISA_BEGIN
namespace {

// Operations an element, roughly: what decides how many threads are worth waking.
constexpr double kActivationWork = 8;

template <class T>
void activation_forward(Activation activation, double parameter, ptrdiff_t count, const T* x,
                        T* y) {
  const T p = static_cast<T>(parameter);
  const auto over_all = [&](auto function) {
    share_slices<T>(count, kActivationWork, [&](auto s) { s.put(y, function(s.get(x))); });
  };
  switch (activation) {
    case Activation::kTanh:
      return over_all([](Vec<T> v) { return vtanh<T>(v); });
    case Activation::kSigmoid:
      return over_all([](Vec<T> v) { return vsigmoid<T>(v); });
    case Activation::kRelu:
      return over_all([](Vec<T> v) { return relu<T>(v); });
    default:
      if (is_fused(activation)) {
        return over_all([&](Vec<T> v) { return activate_rare<T>(activation, v, p); });
      }
      return over_all([&](Vec<T> v) { return unfused<T>(activation, v, p).value; });
  }
}

template <class T>
FASTRNN_INLINE Vec<T> gradient_at(Activation activation, Vec<T> y, T parameter) {
  if (activation <= Activation::kRelu) return activation_gradient<T>(activation, y);
  return gradient_rare<T>(activation, y, parameter);
}

template <class T>
void activation_backward(Activation activation, double parameter, ptrdiff_t count, const T* dy,
                         const T* x, const T* y, T* dx) {
  const T p = static_cast<T>(parameter);
  const auto over_all = [&](auto derivative) {
    share_slices<T>(count, kActivationWork, [&](auto s) { s.put(dx, s.get(dy) * derivative(s)); });
  };
  if (!is_fused(activation)) {
    over_all([&](auto s) { return unfused<T>(activation, s.get(x), p).derivative; });
  } else if (y) {
    over_all([&](auto s) { return gradient_at<T>(activation, s.get(y), p); });
  } else {
    over_all([&](auto s) {
      const Vec<T> v = s.get(x);
      const bool usual = activation <= Activation::kRelu;
      const Vec<T> out = usual ? activate<T>(activation, v) : activate_rare<T>(activation, v, p);
      return gradient_at<T>(activation, out, p);
    });
  }
}

// body(row) for every row, by threads.
template <class Body>
void share_rows(ptrdiff_t rows, ptrdiff_t columns, const Body& body) {
  const ptrdiff_t grain = 1 + 2048 / (columns + 1);
  share_items(rows, grain, 2 * kActivationWork * static_cast<double>(columns + 4),
              [&](ptrdiff_t begin, ptrdiff_t end) {
                for (ptrdiff_t r = begin; r < end; ++r) body(r);
              });
}

template <class T>
void row_activation_forward(RowActivation activation, ptrdiff_t rows, ptrdiff_t columns, const T* x,
                            T* y) {
  share_rows(rows, columns, [=](ptrdiff_t r) {
    T* out = y + r * columns;
    switch (activation) {
      case RowActivation::kSoftmax:
        return softmax(columns, x + r * columns, out);
      case RowActivation::kLogSoftmax:
        return log_softmax(columns, x + r * columns, out);
      case RowActivation::kSparsemax:
        return sparsemax(columns, x + r * columns, out);
      case RowActivation::kGlu:
        return glu(columns, x + 2 * r * columns, out);
    }
  });
}

template <class T>
void row_activation_backward(RowActivation activation, ptrdiff_t rows, ptrdiff_t columns,
                             const T* dy, const T* saved, T* dx) {
  share_rows(rows, columns, [=](ptrdiff_t r) {
    const ptrdiff_t at = r * columns;
    switch (activation) {
      case RowActivation::kSoftmax:
        return softmax_gradient(columns, dy + at, saved + at, dx + at);
      case RowActivation::kLogSoftmax:
        return log_softmax_gradient(columns, dy + at, saved + at, dx + at);
      case RowActivation::kSparsemax:
        return sparsemax_gradient(columns, dy + at, saved + at, dx + at);
      case RowActivation::kGlu:
        return glu_gradient(columns, dy + at, saved + 2 * at, dx + 2 * at);
    }
  });
}

template <class T>
void label_cross_entropy_rows(ptrdiff_t rows, ptrdiff_t classes, const T* logits,
                              const int64_t* labels, T* loss, T* dlogits) {
  share_rows(rows, classes, [=](ptrdiff_t r) {
    loss[r] = label_cross_entropy(classes, logits + r * classes, labels[r], dlogits + r * classes);
  });
}

template <class T>
void softmax_cross_entropy_rows(ptrdiff_t rows, ptrdiff_t classes, const T* logits,
                                const T* targets, T* loss, T* dlogits) {
  share_rows(rows, classes, [=](ptrdiff_t r) {
    const ptrdiff_t at = r * classes;
    loss[r] = softmax_cross_entropy(classes, logits + at, targets + at, dlogits + at);
  });
}

template <class T>
void sigmoid_cross_entropy(ptrdiff_t count, const T* logits, const T* targets, T* loss,
                           T* dlogits) {
  share_slices<T>(count, 2 * kActivationWork, [&](auto s) {
    const Vec<T> z = s.get(logits);
    const Vec<T> p = s.get(targets);
    s.put(loss, softplus<T>(z) - p * z);
    s.put(dlogits, vsigmoid<T>(z) - p);
  });
}

template <class T>
constexpr ElementwiseFunctions<T> kFunctions = {
    activation_forward<T>,      activation_backward<T>,      row_activation_forward<T>,
    row_activation_backward<T>, label_cross_entropy_rows<T>, softmax_cross_entropy_rows<T>,
    sigmoid_cross_entropy<T>,
};

}  // namespace

const ElementwiseTable* elementwise_table() {
  static constexpr ElementwiseTable table = {kFunctions<float>, kFunctions<double>};
  return &table;
}

FASTRNN_ISA_END
