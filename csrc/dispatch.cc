// From the public entry points to the code of the machine's instruction set.
#include "dispatch.h"

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "cpu/parallel.h"
#include "cpu/tables.h"
#include "fastrnn.h"

namespace fastrnn {
namespace {

constexpr const char* kIsaNames[] = {"baseline", "avx2", "avx512"};

Isa best_isa() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
    return kAvx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return kAvx2;
#endif
  return kBaseline;
}

Isa resolve_isa() {
  const Isa best = best_isa();
  const char* wish = std::getenv("FASTRNN_ISA");
  if (wish == nullptr || *wish == '\0') return best;
  std::string choices;
  for (int i = 0; i <= best; ++i) {
    if (std::string(wish) == kIsaNames[i]) return static_cast<Isa>(i);
    choices += (i > 0 ? ", " : "") + std::string(kIsaNames[i]);
  }
  throw std::runtime_error("FASTRNN_ISA must be one of " + choices + " on this machine, got '" +
                           wish + "'");
}

}  // namespace

Isa isa() {
  static const Isa resolved = resolve_isa();
  return resolved;
}

const char* isa_name() { return kIsaNames[isa()]; }

int available_isas(const char* names[3]) {
  const int count = best_isa() + 1;
  for (int i = 0; i < count; ++i) names[i] = kIsaNames[i];
  return count;
}

// Waking a worker costs about as much as this many operations on one core.
int team_for(double work, double between_barriers) {
  constexpr double kWorkPerThread = 250e3;
  const int threads = num_threads();
  constexpr double kShortStep = 20e6;
  if (work < 2 * kWorkPerThread) return 1;
  if (between_barriers < kShortStep && contended()) return 1;
  const double useful = work / kWorkPerThread;
  return useful < threads ? static_cast<int>(useful) : threads;
}

FASTRNN_DISPATCH(ForwardTable, forward_table, (CellKind cell), (cell))
FASTRNN_DISPATCH(BackwardTable, backward_table, (CellKind cell), (cell))
FASTRNN_DISPATCH(DenseTable, dense_table, (), ())

int recurrent_blocks(CellKind cell) {
  switch (cell) {
    case CellKind::kRnn:
      return 1;
    case CellKind::kLstm:
      return 4;
    default:
      return 3;
  }
}

int recurrent_saved_units(CellKind cell) {
  switch (cell) {
    case CellKind::kRnn:
      return 1;
    case CellKind::kGruResetBefore:
      return 3;
    default:
      return 4;
  }
}

template <class T>
void pack_recurrent(const RecurrentConfig& config, const RecurrentWeights<T>& weights,
                    PackedRecurrent<T>* out) {
  const ForwardTable* table = forward_table(config.cell);
  if constexpr (std::is_same_v<T, float>) {
    table->pack_float(config, weights, out);
  } else {
    table->pack_double(config, weights, out);
  }
}

template <class T>
void recurrent_forward(const PackedRecurrent<T>& packed, const RecurrentForward<T>& args) {
  const ForwardTable* table = forward_table(packed.config.cell);
  if constexpr (std::is_same_v<T, float>) {
    table->forward_float(packed, args);
  } else {
    table->forward_double(packed, args);
  }
}

template <class T>
void recurrent_backward(const RecurrentConfig& config, const RecurrentBackward<T>& args) {
  const BackwardTable* table = backward_table(config.cell);
  if constexpr (std::is_same_v<T, float>) {
    table->backward_float(config, args);
  } else {
    table->backward_double(config, args);
  }
}

template <class T>
void dense_forward(const DenseForward<T>& args) {
  if constexpr (std::is_same_v<T, float>) {
    dense_table()->forward_float(args);
  } else {
    dense_table()->forward_double(args);
  }
}

template <class T>
void dense_backward(const DenseBackward<T>& args) {
  if constexpr (std::is_same_v<T, float>) {
    dense_table()->backward_float(args);
  } else {
    dense_table()->backward_double(args);
  }
}

#define FASTRNN_INSTANTIATE(T)                                                               \
  template void pack_recurrent<T>(const RecurrentConfig&, const RecurrentWeights<T>&,        \
                                  PackedRecurrent<T>*);                                      \
  template void recurrent_forward<T>(const PackedRecurrent<T>&, const RecurrentForward<T>&); \
  template void recurrent_backward<T>(const RecurrentConfig&, const RecurrentBackward<T>&);  \
  template void dense_forward<T>(const DenseForward<T>&);                                    \
  template void dense_backward<T>(const DenseBackward<T>&);
FASTRNN_INSTANTIATE(float)
FASTRNN_INSTANTIATE(double)
#undef FASTRNN_INSTANTIATE

}  // namespace fastrnn
