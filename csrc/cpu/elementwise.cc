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

// The distance of an error, and its slope.
template <class T>
struct Step {
  Vec<T> value, slope;
};

template <class T, Distance kDistance>
FASTRNN_INLINE Step<T> distance_of(Vec<T> error, T delta) {
  const Vec<T> zero = {}, one = set1(T(1));
  const Vec<T> size = vmax<T>(error, -error);
  if constexpr (kDistance == Distance::kSquared) {
    return {error * error, error + error};
  } else if constexpr (kDistance == Distance::kAbsolute) {
    const Vec<T> sign = select<T>(error < zero, -one, select<T>(error > zero, one, error));
    return {size, sign};
  } else if constexpr (kDistance == Distance::kHuber) {
    const Vec<T> slope = clamp<T>(error, -delta, delta);
    return {slope * (error - set1(T(0.5)) * slope), slope};
  } else {
    const Vec<T> rest = vlog1p_unit<T>(vexp<T>(set1(T(-2)) * size));
    return {size + (rest - set1(MathTraits<T>::kLn2)), vtanh<T>(error)};
  }
}

template <class T, Distance kDistance>
void distance_rows(T delta, ptrdiff_t rows, ptrdiff_t columns, const T* truth, const T* prediction,
                   T* loss, T* gradient) {
  constexpr ptrdiff_t kBlock = 1024;  // elements whose distances wait for their rows' sums
  const T share = T(1) / static_cast<T>(columns);
  const auto step = [&](auto s, ptrdiff_t at) {
    const Step<T> d = distance_of<T, kDistance>(s.get(prediction + at) - s.get(truth + at), delta);
    s.put(gradient + at, d.slope * set1(share));
    return d.value;
  };
  const ptrdiff_t grain = 1 + 4096 / columns;
  share_items(rows, grain, kActivationWork * static_cast<double>(columns),
              [&](ptrdiff_t begin, ptrdiff_t end) {
                if (columns * 2 > kBlock) {
                  for (ptrdiff_t r = begin; r < end; ++r) {
                    Vec<T> sum = {};
                    for_each_slice<T>(0, columns,
                                      [&](auto s) { sum += s.only(step(s, r * columns), T(0)); });
                    loss[r] = sum_lanes<T>(sum) * share;
                  }
                  return;
                }
                T distances[kBlock];
                const ptrdiff_t most = kBlock / columns;
                for (ptrdiff_t first = begin; first < end; first += most) {
                  const ptrdiff_t count = end - first < most ? end - first : most;
                  T* d = columns == 1 ? loss + first : distances;
                  for_each_slice<T>(0, count * columns,
                                    [&](auto s) { s.put(d, step(s, first * columns)); });
                  for (ptrdiff_t r = 0; r < count && columns > 1; ++r) {
                    T sum = 0;
                    for (ptrdiff_t c = 0; c < columns; ++c) sum += *d++;
                    loss[first + r] = sum * share;
                  }
                }
              });
}

template <class T>
void distance_loss(Distance distance, double delta, ptrdiff_t rows, ptrdiff_t columns,
                   const T* truth, const T* prediction, T* loss, T* gradient) {
  const auto run = [&](auto function) {
    function(static_cast<T>(delta), rows, columns, truth, prediction, loss, gradient);
  };
  switch (distance) {
    case Distance::kSquared:
      return run(distance_rows<T, Distance::kSquared>);
    case Distance::kAbsolute:
      return run(distance_rows<T, Distance::kAbsolute>);
    case Distance::kHuber:
      return run(distance_rows<T, Distance::kHuber>);
    case Distance::kLogCosh:
      return run(distance_rows<T, Distance::kLogCosh>);
  }
}

template <class T>
constexpr ElementwiseFunctions<T> kFunctions = {
    activation_forward<T>,       activation_backward<T>,
    row_activation_forward<T>,   row_activation_backward<T>,
    label_cross_entropy_rows<T>, softmax_cross_entropy_rows<T>,
    sigmoid_cross_entropy<T>,    distance_loss<T>,
};

}  // namespace

const ElementwiseTable* elementwise_table() {
  static constexpr ElementwiseTable table = {kFunctions<float>, kFunctions<double>};
  return &table;
}

FASTRNN_ISA_END
