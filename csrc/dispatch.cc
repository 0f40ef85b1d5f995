// Which instruction set runs.
#include "dispatch.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "cpu/parallel.h"
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

}  // namespace fastrnn
