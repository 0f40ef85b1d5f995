// Arrays picked from others by index: rows of an embedding's table, and linear interpolation. Part
// of fastrnn.h.
//
// All arrays are contiguous; T is float or double. No output overlaps an input.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastrnn {

// out[i] = table[ids[i]].
template <class T>
struct Embedding {
  std::ptrdiff_t count, rows, width;
  const std::int64_t* ids;  // in (count), within [0, rows)
  const T* table;           // in (rows, width)
  T* out;                   // out (count, width)
};

// dtable[r] = the sum of dy[i] over the i with ids[i] = r, in their order.
template <class T>
struct EmbeddingBackward {
  std::ptrdiff_t count, rows, width;
  const std::int64_t* ids;
  const T* dy;  // in (count, width)
  T* dtable;    // out (rows, width)
};

// Linear interpolation along one axis, of x (outer, in, inner):
//   y[:, o] = (1 - weight[o]) x[:, low[o]] + weight[o] x[:, low[o] + 1].
template <class T>
struct Interpolation {
  std::ptrdiff_t outer, in, out, inner;
  const std::int32_t* low;  // in (out), ascending
  const double* weight;     // in (out), within [0, 1]; 0 where low is the last pixel
  const T* x;               // in (outer, in, inner); of backward: dy, in (outer, out, inner)
  T* y;                     // out (outer, out, inner); of backward: dx, out (outer, in, inner)
};

template <class T>
void embedding(const Embedding<T>& args);
template <class T>
void embedding_backward(const EmbeddingBackward<T>& args);
template <class T>
void interpolate(const Interpolation<T>& args);
template <class T>
void interpolate_backward(const Interpolation<T>& args);

// One instruction set's copies of the functions above.
template <class T>
struct GatherFunctions {
  void (*embedding)(const Embedding<T>&);
  void (*embedding_backward)(const EmbeddingBackward<T>&);
  void (*interpolate)(const Interpolation<T>&);
  void (*interpolate_backward)(const Interpolation<T>&);
};

struct GatherTable {
  GatherFunctions<float> f32;
  GatherFunctions<double> f64;
};

}  // namespace fastrnn
