// Which instruction set runs, and how an entry point finds its function for it.
#pragma once

#include <type_traits>

namespace fastrnn {

enum Isa : int { kBaseline = 0, kAvx2 = 1, kAvx512 = 2 };

// Resolved once: the best that the machine has, or FASTRNN_ISA. Throws std::runtime_error where
// FASTRNN_ISA names none that the machine can run.
Isa isa();

// A table's functions for T.
template <class T, class Table>
const auto& functions(const Table* table) {
  if constexpr (std::is_same_v<T, float>) {
    return table->f32;
  } else {
    return table->f64;
  }
}

}  // namespace fastrnn

// Declares `const Table* name();` (with arguments) in each instruction set's namespace and calls
// the right one: FASTRNN_DISPATCH(DenseTable, dense_table, (), ()).
#if defined(__x86_64__)
#define FASTRNN_DISPATCH(Table, name, parameters, arguments) \
  namespace baseline {                                       \
  const Table* name parameters;                              \
  }                                                          \
  namespace avx2 {                                           \
  const Table* name parameters;                              \
  }                                                          \
  namespace avx512 {                                         \
  const Table* name parameters;                              \
  }                                                          \
  namespace {                                                \
  const Table* name parameters {                             \
    switch (isa()) {                                         \
      case kAvx512:                                          \
        return avx512::name arguments;                       \
      case kAvx2:                                            \
        return avx2::name arguments;                         \
      default:                                               \
        return baseline::name arguments;                     \
    }                                                        \
  }                                                          \
  }
#else
#define FASTRNN_DISPATCH(Table, name, parameters, arguments)        \
  namespace baseline {                                              \
  const Table* name parameters;                                     \
  }                                                                 \
  namespace {                                                       \
  const Table* name parameters { return baseline::name arguments; } \
  }
#endif
