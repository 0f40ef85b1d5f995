// A team of threads for the length of one call. Plain declarations only: files compiled for one
// instruction set include this header.
#pragma once

namespace fastrnn {

class Team {
 public:
  int rank() const { return rank_; }
  int size() const { return size_; }
  // Waits until every member has come here; what they wrote before is then seen by all.
  void barrier() const;
  // The part of [0, count) that is this member's, in whole multiples of `grain`.
  void share(int count, int grain, int* begin, int* end) const {
    const long blocks = (count + grain - 1) / grain;
    const long first = blocks * rank_ / size_;
    const long last = blocks * (rank_ + 1) / size_;
    *begin = static_cast<int>(first * grain < count ? first * grain : count);
    *end = static_cast<int>(last * grain < count ? last * grain : count);
  }

 private:
  friend class Pool;
  friend void run_team(int, void (*)(const Team&, void*), void*);
  Team(int rank, int size, void* state) : rank_(rank), size_(size), state_(state) {}
  int rank_;
  int size_;
  void* state_;
};

// Runs body(team, context) on `threads` threads, the caller among them, and returns when all have
// ended. Denormal numbers are flushed to zero inside, the caller's mode is restored. When the
// workers serve another caller, the team is the caller alone: results do not depend on its size.
void run_team(int threads, void (*body)(const Team&, void*), void* context);

template <class Body>
void run_team(int threads, Body& body) {
  run_team(threads, [](const Team& team, void* b) { (*static_cast<Body*>(b))(team); }, &body);
}

// Threads for a call of `work` floating-point operations: one where waking others costs more.
// between_barriers: what all members do from one barrier to the next; where that is little, a team
// on a crowded machine would spend its time waiting for members without a core.
int team_for(double work, double between_barriers = 1e30);

// Whether a member of some team was lately kept from its core, so that barriers stall.
bool contended();

int num_threads();
void set_num_threads(int threads);

}  // namespace fastrnn
