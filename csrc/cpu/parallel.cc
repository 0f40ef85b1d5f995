// The worker pool: threads that wait, spinning shortly and then asleep, for the next team.
#include "cpu/parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
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

// A member's items of the present turn of each(): turn, first and end in one word.
struct alignas(64) Share {
  std::atomic<std::uint64_t> word{0};
};

constexpr int kItemBits = 24;
constexpr std::uint64_t kItemMask = (std::uint64_t{1} << kItemBits) - 1;

std::uint64_t share_word(unsigned turn, int first, int end) {
  return static_cast<std::uint64_t>(turn & 0xffffu) << (2 * kItemBits) |
         static_cast<std::uint64_t>(first) << kItemBits | static_cast<std::uint64_t>(end);
}

struct TeamState {
  std::atomic<int> arrived{0};
  std::atomic<unsigned> phase{0};
  std::unique_ptr<Share[]> shares;
  int members = 0;
};

// A pause lasts 10 to 60 nanoseconds, by processor. Who waits longer than a few microseconds lets
// others run: the one waited for may sit on the same core. Where nobody is, that costs next to
// nothing. Workers without work go to sleep after the time of a few steps.
constexpr int kSpinsBeforeYield = 100;
// A member that keeps the others waiting for so long has lost its core to another program.
constexpr std::int64_t kStall = 1'000'000;

// How long teams are kept small after a stall: as long as the stall itself, and twice as long each
// time that another one follows soon after.
constexpr std::int64_t kShortestPenalty = 2'000'000;
constexpr std::int64_t kLongestPenalty = 200'000'000;

std::atomic<std::int64_t> g_contended_until{0};
std::atomic<std::int64_t> g_penalty{kShortestPenalty};

std::int64_t nanoseconds() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

constexpr int kSpinsBeforeSleep = 4000;

void note_stall(std::int64_t since, std::int64_t now) {
  std::int64_t until = g_contended_until.load(std::memory_order_relaxed);
  std::int64_t penalty = g_penalty.load(std::memory_order_relaxed);
  if (since < until) return;  // another one who waited has noted it
  penalty = now < until + penalty ? std::min(2 * penalty, kLongestPenalty) : kShortestPenalty;
  if (!g_contended_until.compare_exchange_strong(until, now + penalty)) return;
  g_penalty.store(penalty, std::memory_order_relaxed);
}

}  // namespace

void Team::barrier() const {
  if (size_ == 1) return;
  auto& b = *static_cast<TeamState*>(state_);
  const unsigned phase = b.phase.load(std::memory_order_relaxed);
  if (b.arrived.fetch_add(1, std::memory_order_acq_rel) == size_ - 1) {
    b.arrived.store(0, std::memory_order_relaxed);
    b.phase.store(phase + 1, std::memory_order_release);
    return;
  }
  std::int64_t since = 0;
  bool stalled = false;
  for (int spins = 0; b.phase.load(std::memory_order_acquire) == phase; ++spins) {
    relax();
    if (spins < kSpinsBeforeYield) continue;
    sched_yield();
    const std::int64_t now = nanoseconds();
    if (since == 0) since = now;
    stalled = now - since > kStall;
  }
  if (stalled) note_stall(since, nanoseconds());
}

// Its own items a member takes from the front, another's from the back. Whoever comes first to a
// share deals it out for the turn; members differ by one turn at most where a share is in use,
// since nobody leaves a turn before all shares are empty.
int Team::take(int count) const {
  auto& shares = static_cast<TeamState*>(state_)->shares;
  for (int i = 0; i < size_; ++i) {
    const int owner = rank_ + i < size_ ? rank_ + i : rank_ + i - size_;
    std::atomic<std::uint64_t>& word = shares[owner].word;
    std::uint64_t seen = word.load(std::memory_order_relaxed);
    for (;;) {
      const auto ahead = static_cast<std::int16_t>((seen >> (2 * kItemBits)) - turn_);
      if (ahead > 0) break;
      int first = static_cast<int>(seen >> kItemBits & kItemMask);
      int end = static_cast<int>(seen & kItemMask);
      if (ahead < 0) {
        first = static_cast<int>(static_cast<long>(count) * owner / size_);
        end = static_cast<int>(static_cast<long>(count) * (owner + 1) / size_);
      } else if (first == end) {
        break;
      }
      const bool any = first < end;
      const int item = i == 0 ? first : end - 1;
      if (any && i == 0) ++first;
      if (any && i != 0) --end;
      if (!word.compare_exchange_weak(seen, share_word(turn_, first, end),
                                      std::memory_order_relaxed)) {
        continue;
      }
      if (any) return item;
      break;
    }
  }
  return -1;
}

// The least advanced of the member's own tracks, or else of all.
int Team::claim(Track* tracks, int count, int until, int* segment) const {
  const int own_first = static_cast<int>(static_cast<long>(count) * rank_ / size_);
  const int own_end = static_cast<int>(static_cast<long>(count) * (rank_ + 1) / size_);
  for (;;) {
    int best = -1, best_word = 2 * until;
    const auto look = [&](int begin, int end) {
      for (int t = begin; t < end; ++t) {
        const int word = __atomic_load_n(&tracks[t].word, __ATOMIC_RELAXED);
        if (word % 2 == 0 && word < best_word) {
          best = t;
          best_word = word;
        }
      }
    };
    look(own_first, own_end);
    if (best < 0) look(0, count);
    if (best < 0) return -1;
    if (__atomic_compare_exchange_n(&tracks[best].word, &best_word, best_word + 1, false,
                                    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
      *segment = best_word / 2;
      return best;
    }
  }
}

void Team::release(Track* track) { __atomic_fetch_add(&track->word, 1, __ATOMIC_RELEASE); }

bool contended() {
  const std::int64_t until = g_contended_until.load(std::memory_order_relaxed);
  return until != 0 && nanoseconds() < until;
}

class Pool {
 public:
  // False when another caller has the workers, or there are none to be had.
  bool run(int threads, void (*body)(const Team&, void*), void* context) {
    const std::unique_lock<std::mutex> use(in_use_, std::try_to_lock);
    if (!use.owns_lock()) return false;
    threads = hire(threads - 1) + 1;
    if (threads < 2) return false;
    for (int i = 0; i < threads; ++i) state_.shares[i].word.store(0, std::memory_order_relaxed);
    body_ = body;
    context_ = context;
    team_size_ = threads;
    running_.store(threads - 1, std::memory_order_relaxed);
    const int caller_cpu = sched_getcpu();
    for (int i = 0; i < threads - 1; ++i) {
      workers_[i]->keep_off(caller_cpu);
      workers_[i]->wake();
    }
    body(Team(0, threads, &state_), context);
    for (int spins = 0; running_.load(std::memory_order_acquire) != 0; ++spins) {
      relax();
      if (spins > kSpinsBeforeYield) sched_yield();
    }
    return true;
  }

  // The process's pool, for as long as it lives: workers may outlast static objects.
  static Pool& instance();

 private:
  // One thread that waits for its turn; it is never joined.
  class Worker {
   public:
    // Keeps the worker from the caller's core. The scheduler of a virtual machine takes a core that
    // sleeps for one whose host is busy, and would wake the worker on the core that wakes it.
    void keep_off(int cpu) {
      if (cpu < 0 || cpu == kept_off_) return;
      cpu_set_t allowed;
      if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
      if (CPU_COUNT(&allowed) < 2) return;  // a caller that is pinned says nothing of the others
      CPU_CLR(cpu, &allowed);
      if (pthread_setaffinity_np(thread_, sizeof(allowed), &allowed) == 0) kept_off_ = cpu;
    }

    void wake() {
      {
        const std::scoped_lock lock(mutex_);
        turns_.fetch_add(1, std::memory_order_release);
      }
      if (asleep_.load()) signal_.notify_one();
    }

    void wait(std::uint64_t turn) {
      for (int spins = 0; turns_.load(std::memory_order_acquire) < turn; ++spins) {
        relax();
        if (spins < kSpinsBeforeSleep) continue;
        std::unique_lock<std::mutex> lock(mutex_);
        asleep_.store(true);
        signal_.wait(lock, [&] { return turns_.load() >= turn; });
        asleep_.store(false);
      }
    }

   private:
    friend class Pool;
    pthread_t thread_{};
    int kept_off_ = -1;
    std::atomic<std::uint64_t> turns_{0};
    std::atomic<bool> asleep_{false};
    std::mutex mutex_;
    std::condition_variable signal_;
  };

  // Makes up to `count` workers be there; the number that are, where the system refuses more.
  int hire(int count) {
    try {
      if (state_.members < count + 1) {
        state_.shares = std::make_unique<Share[]>(static_cast<std::size_t>(count) + 1);
        state_.members = count + 1;
      }
      while (std::ssize(workers_) < count) {
        auto worker = std::make_unique<Worker>();
        const int rank = static_cast<int>(workers_.size()) + 1;
        workers_.reserve(workers_.size() + 1);
        std::thread thread([this, rank, self = worker.get()] { work(rank, *self); });
        worker->thread_ = thread.native_handle();
        thread.detach();
        workers_.push_back(std::move(worker));
      }
    } catch (const std::system_error&) {
    } catch (const std::bad_alloc&) {
    }
    return std::min({count, static_cast<int>(workers_.size()), state_.members - 1});
  }

  void work(int rank, Worker& self) {
    const FlushDenormals flush;
    for (std::uint64_t turn = 1;; ++turn) {
      self.wait(turn);
      body_(Team(rank, team_size_, &state_), context_);
      running_.fetch_sub(1, std::memory_order_release);
    }
  }

  std::mutex in_use_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::atomic<int> running_{0};
  void (*body_)(const Team&, void*) = nullptr;
  void* context_ = nullptr;
  int team_size_ = 1;
  TeamState state_;
};

namespace {

constexpr int kMostThreads = 1024;

// Threads do not survive fork(): the child starts with a new pool. The old one is left alone,
// since its mutexes and threads belong to the parent.
std::atomic<Pool*> g_pool{nullptr};

void forget_pool() { g_pool.store(nullptr); }

int threads_from_environment() {
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    const long threads = std::strtol(text, nullptr, 10);
    if (threads > 0) return threads < kMostThreads ? static_cast<int>(threads) : kMostThreads;
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
    static const int registered = pthread_atfork(nullptr, nullptr, forget_pool);
    static_cast<void>(registered);
    auto fresh = std::make_unique<Pool>();
    if (g_pool.compare_exchange_strong(pool, fresh.get())) pool = fresh.release();
  }
  return *pool;
}

void run_team(int threads, void (*body)(const Team&, void*), void* context) {
  const FlushDenormals flush;
  if (threads > 1 && Pool::instance().run(threads, body, context)) return;
  body(Team::alone(), context);
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
