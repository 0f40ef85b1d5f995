// A team of threads for the length of one call. Plain declarations only: files compiled for one
// instruction set include this header.
#pragma once

namespace fastrnn {

// A piece of work whose segments follow each other, whoever does them. Zeroed before its first use.
struct alignas(64) Track {
  int word;  // twice the segments done, plus one while a member is at the next
};

// Cores differ: a laptop has fast and slow ones, and a shared machine takes half of one away for a
// while. each() and advance() give a member its own part first, which its caches know, and then
// what the others have not come to.
class Team {
 public:
  // A team of one, for work that a member does by itself.
  static Team alone() { return Team(0, 1, nullptr); }
  int rank() const { return rank_; }
  int size() const { return size_; }
  // Waits until every member has come here; what they wrote before is then seen by all.
  void barrier() const;

  // body(item) for every item of [0, count), each by one member. All members call it, in the same
  // order; it ends without a barrier.
  template <class Body>
  void each(int count, const Body& body) const {
    if (size_ == 1) {
      for (int item = 0; item < count; ++item) body(item);
      return;
    }
    ++turn_;
    const int grain = count / kMostItems + 1;
    const int grains = (count + grain - 1) / grain;
    for (int g = take(grains); g >= 0; g = take(grains)) {
      for (int item = g * grain; item < count && item < (g + 1) * grain; ++item) body(item);
    }
  }

  // body(track, segment) for the segments of each track that are not done yet, up to `until`, one
  // after the other. All members call it; it ends without a barrier.
  template <class Body>
  void advance(Track* tracks, int count, int until, const Body& body) const {
    int segment;
    for (int t = claim(tracks, count, until, &segment); t >= 0;
         t = claim(tracks, count, until, &segment)) {
      body(t, segment);
      release(tracks + t);
    }
  }

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
  static constexpr int kMostItems = (1 << 24) - 1;
  Team(int rank, int size, void* state) : rank_(rank), size_(size), state_(state) {}
  // An item of this turn that nobody has, or -1.
  int take(int count) const;
  int claim(Track* tracks, int count, int until, int* segment) const;
  static void release(Track* track);
  int rank_;
  int size_;
  void* state_;
  mutable unsigned turn_ = 0;  // calls of each() so far
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
