// The worker pool: threads that wait, spinning shortly and then asleep, for the next team.
#include "cpu/parallel.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sched.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace fastrnn {
namespace {

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Flush denormals to zero for the scope: they are hundreds of cycles each, and carry nothing here.
class FlushDenormals {
 public:
#if defined(__x86_64__)
  FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040u); }
  ~FlushDenormals() { _mm_setcsr(saved_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned saved_;
#elif defined(__aarch64__)
  FlushDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" ::"r"(saved_ | (std::uint64_t{1} << 24)));
  }
  ~FlushDenormals() { asm volatile("msr fpcr, %0" ::"r"(saved_)); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  std::uint64_t saved_;
#endif
};

struct BarrierState {
  std::atomic<int> arrived{0};
  std::atomic<unsigned> phase{0};
};

// A pause lasts 10 to 60 nanoseconds, by processor. Members of a team wait for each other long
// before they let others run; workers without work go to sleep after the time of a few steps.
constexpr int kSpinsBeforeYield = 2000;
constexpr int kSpinsBeforeSleep = 4000;

}  // namespace

void Team::barrier() const {
  if (size_ == 1) return;
  auto& b = *static_cast<BarrierState*>(state_);
  const unsigned phase = b.phase.load(std::memory_order_relaxed);
  if (b.arrived.fetch_add(1, std::memory_order_acq_rel) == size_ - 1) {
    b.arrived.store(0, std::memory_order_relaxed);
    b.phase.store(phase + 1, std::memory_order_release);
    return;
  }
  for (int spins = 0; b.phase.load(std::memory_order_acquire) == phase; ++spins) {
    relax();
    if (spins > kSpinsBeforeYield) sched_yield();
  }
}

class Pool {
 public:
  // False when another caller has the workers.
  bool run(int threads, void (*body)(const Team&, void*), void* context) {
    std::unique_lock<std::mutex> use(in_use_, std::try_to_lock);
    if (!use.owns_lock()) return false;
    while (static_cast<int>(workers_.size()) < threads - 1) {
      const int rank = static_cast<int>(workers_.size()) + 1;
      workers_.emplace_back([this, rank, seen = generation_.load()] { work(rank, seen); });
    }
    body_ = body;
    context_ = context;
    team_size_ = threads;
    running_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
    {
      std::lock_guard<std::mutex> lock(sleep_);
      generation_.fetch_add(1, std::memory_order_release);
    }
    if (sleepers_.load() > 0) wake_.notify_all();
    const Team team(0, threads, &barrier_);
    body(team, context);
    for (int spins = 0; running_.load(std::memory_order_acquire) != 0; ++spins) {
      relax();
      if (spins > kSpinsBeforeYield) sched_yield();
    }
    return true;
  }

  Pool() = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    {
      std::lock_guard<std::mutex> lock(sleep_);
      stop_ = true;
      generation_.fetch_add(1);
    }
    wake_.notify_all();
    for (auto& worker : workers_) worker.join();
  }

  static Pool& instance();

 private:
  void work(int rank, std::uint64_t seen) {
    const FlushDenormals flush;
    for (;;) {
      for (int spins = 0; generation_.load(std::memory_order_acquire) == seen; ++spins) {
        relax();
        if (spins < kSpinsBeforeSleep) continue;
        std::unique_lock<std::mutex> lock(sleep_);
        sleepers_.fetch_add(1);
        wake_.wait(lock, [&] { return generation_.load() != seen; });
        sleepers_.fetch_sub(1);
      }
      ++seen;
      if (stop_) return;
      if (rank < team_size_) body_(Team(rank, team_size_, &barrier_), context_);
      running_.fetch_sub(1, std::memory_order_release);
    }
  }

  std::mutex in_use_;
  std::vector<std::thread> workers_;
  std::mutex sleep_;
  std::condition_variable wake_;
  std::atomic<int> sleepers_{0};
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<int> running_{0};
  bool stop_ = false;
  void (*body_)(const Team&, void*) = nullptr;
  void* context_ = nullptr;
  int team_size_ = 1;
  BarrierState barrier_;
};

namespace {

// Threads do not survive fork(): the child starts with a new pool. The old one is left alone,
// since its mutexes and threads belong to the parent.
std::atomic<Pool*> g_pool{nullptr};

void forget_pool() { g_pool.store(nullptr); }

int threads_from_environment() {
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    const int threads = std::atoi(text);
    if (threads > 0) return threads;
  }
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
  const unsigned threads = std::thread::hardware_concurrency();
  return threads > 0 ? static_cast<int>(threads) : 1;
}

std::atomic<int> g_threads{0};

}  // namespace

Pool& Pool::instance() {
  Pool* pool = g_pool.load();
  if (pool == nullptr) {
    static std::once_flag once;
    std::call_once(once, [] { pthread_atfork(nullptr, nullptr, forget_pool); });
    auto fresh = std::make_unique<Pool>();
    if (g_pool.compare_exchange_strong(pool, fresh.get())) {
      pool = fresh.release();  // lives as long as the process: workers may outlive static objects
    }
  }
  return *pool;
}

void run_team(int threads, void (*body)(const Team&, void*), void* context) {
  const FlushDenormals flush;
  if (threads > 1 && Pool::instance().run(threads, body, context)) return;
  BarrierState alone;
  body(Team(0, 1, &alone), context);
}

int num_threads() {
  int threads = g_threads.load();
  if (threads == 0) {
    threads = threads_from_environment();
    g_threads.store(threads);
  }
  return threads;
}

void set_num_threads(int threads) { g_threads.store(threads); }

}  // namespace fastrnn
