// Back-propagation through time.
//
// Time runs backwards in chunks. Within a chunk, step by step: the cell turns the gradient of h and
// c into that of its sums (dsums), and dsums R^T gives the gradient of the step before. When a
// chunk is done, one large product each adds its share of dW, dR and dx while dsums are still in
// cache. Rows whose step is masked leave zeros in dsums.
#include "cpu/gradients.h"
#include "cpu/peephole.h"
#include "cpu/tables.h"

FASTRNN_ISA_BEGIN
namespace {

template <class T, class Cell>
class BackwardRun {
 public:
  // packed: forward's weights, where the gates are to be computed again; or null.
  BackwardRun(const RecurrentConfig& config, const RecurrentBackward<T>& args,
              const PackedRecurrent<T>* packed, int team)
      : args_(args),
        seq_(args.seq),
        hidden_(config.hidden),
        chunk_(chunk_steps(args.seq)),
        chunk_rows_(chunk_ * args.seq.batch),
        stage_(config, args, chunk_rows_),
        second_(config, args, chunk_rows_),
        context_{config.activation, config.gate_activation, args.weights.peephole, config.hidden},
        usual_(is_usual<Cell>(config)),
        packed_(packed),
        grain_(widest(stage_.geo.panels, second_.geo.panels, stage_.hidden_panels)) {
    const size_t weights = static_cast<size_t>(Cell::kBlocks) * hidden_ * hidden_;
    division_ = divide(team, seq_.batch, hidden_, grain_, weights * sizeof(T));
    segment_ = chunk_;
    if (division_.tracks > 1) {
      segment_ = segment_steps(chunk_, 2.0 * weights * seq_.batch / division_.tracks);
    }
  }

  size_t scratch_size(int team) {
    Layout measure;
    lay_out(measure, team);
    return measure.size();
  }

  void use(char* memory, int team) {
    Layout layout(memory);
    lay_out(layout, team);
    for (int i = 0; i < division_.tracks; ++i) tracks_[i].word = 0;
  }

  void operator()(const Team& team) const {
    stage_.pack_weights(team);
    if constexpr (kTwoStages) second_.pack_weights(team);
    const Part own = Division::of_units(team, seq_.batch, hidden_, grain_);
    const int segments = (chunk_ + segment_ - 1) / segment_;
    int chunks = 0;
    for (int end = seq_.steps; end > 0; end -= chunk_, ++chunks) {
      const int begin = end > chunk_ ? end - chunk_ : 0;
      const int rows = (end - begin) * seq_.batch;
      list_rows(begin, end, team);
      team.barrier();  // and the packed weights
      if (division_.by_units) {
        back_chunk(begin, end, 0, chunk_, own, members_[team.rank()], team);
      } else {
        const Team alone = Team::alone();
        team.advance(tracks_, division_.tracks, (chunks + 1) * segments, [&](int track, int i) {
          const int from = i % segments * segment_;
          const int to = from + segment_ < chunk_ ? from + segment_ : chunk_;
          back_chunk(begin, end, from, to, division_.of_rows(track, seq_.batch, hidden_),
                     members_[team.rank()], alone);
        });
      }
      team.barrier();
      const bool first = end == seq_.steps;
      stage_.weight_gradients(list_, rows, first, team);
      if constexpr (Cell::kHasMemory) {
        if (args_.dpeephole) peephole_gradient(stage_, list_, rows, first, args_.dpeephole, team);
      }
      const auto dx_row = [&](int r) {
        const size_t n = r % seq_.batch;
        return args_.dx + (n * seq_.steps + time(begin + r / seq_.batch)) * stage_.geo.input;
      };
      if (args_.dx) stage_.input_gradient(rows, list_.batch, true, dx_row, team);
      if constexpr (kTwoStages) {
        team.barrier();
        ChunkRows<T> second_list = list_;
        second_list.h = gated_rows_;
        second_.weight_gradients(second_list, rows, first, team);
        if (args_.dx) second_.input_gradient(rows, list_.batch, false, dx_row, team);
      }
      team.barrier();
    }
  }

 private:
  static constexpr bool kTwoStages = !is_void<typename Cell::Second>;
  using Second = typename SecondOr<typename Cell::Second, Cell>::type;
  static constexpr int kChunkRows = 512;

  // One thread's own memory.
  struct Member {
    const T** rows;  // dsums' rows of the step, for each stage
    const T** second_rows;
    T** to;
    T** second_to;
    int* batch;        // and the sequences they belong to
    StepRows<T> step;  // recompute only
    T* masked;
  };

  static int widest(const PanelSet<T>& a, const PanelSet<T>& b, const PanelSet<T>& c) {
    const int wider = a.width() > b.width() ? a.width() : b.width();
    return wider > c.width() ? wider : c.width();
  }

  static int chunk_steps(const RecurrentSequence<T>& seq) {
    const int most = kChunkRows / seq.batch > 1 ? kChunkRows / seq.batch : 1;
    const int chunks = (seq.steps + most - 1) / most;
    return (seq.steps + chunks - 1) / chunks;
  }

  int time(int s) const { return seq_.reverse ? seq_.steps - 1 - s : s; }
  size_t at(int n, int t) const { return static_cast<size_t>(n) * seq_.steps + t; }
  bool active(int n, int t) const { return !seq_.mask || seq_.mask[at(n, t)]; }

  // The step whose output step t started from, -1 = the initial state.
  int previous(int n, int t) const {
    if (seq_.previous) return seq_.previous[at(n, t)];
    const int before = seq_.reverse ? t + 1 : t - 1;
    return before < seq_.steps ? before : -1;
  }

  void lay_out(Layout& layout, int team) {
    const size_t n = seq_.batch;
    const size_t rows = chunk_rows_;
    const size_t states = n * hidden_;
    stage_.lay_out(layout);
    if (kTwoStages) second_.lay_out(layout);
    dh_ = layout.take<T>(states);
    dc_ = layout.take<T>(Cell::kHasMemory ? states : 0);
    carried_ = layout.take<T>(seq_.mask ? states : 0);
    d_gated_ = layout.take<T>(kTwoStages ? states : 0);
    gated_ = layout.take<T>(kTwoStages ? rows * hidden_ : 0);
    gated_rows_ = layout.take<const T*>(kTwoStages ? rows : 0);
    list_.x = layout.take<const T*>(rows);
    list_.h = layout.take<const T*>(rows);
    list_.c_prev = layout.take<const T*>(rows);
    list_.saved = layout.take<const T*>(rows);
    list_.batch = layout.take<int>(rows);
    rebuilt_ = layout.take<T>(packed_ ? rows * hidden_ * Cell::kSaved : 0);
    tracks_ = layout.take<Track>(division_.tracks);
    members_ = layout.take<Member>(team);
    const size_t again = packed_ ? rows : 0;
    for (int i = 0; i < team; ++i) {
      Member m{};
      m.rows = layout.take<const T*>(n);
      m.second_rows = layout.take<const T*>(n);
      m.to = layout.take<T*>(n);
      m.second_to = layout.take<T*>(n);
      m.batch = layout.take<int>(n);
      m.step.x = layout.take<const T*>(again);
      m.step.h = layout.take<const T*>(again);
      m.step.cell = layout.take<ForwardRow<T>>(again);
      m.step.x_mask = layout.take<const T*>(seq_.x_mask ? again : 0);
      m.step.h_mask = layout.take<const T*>(seq_.h_mask ? again : 0);
      if (!seq_.x_mask) m.step.x_mask = nullptr;
      if (!seq_.h_mask) m.step.h_mask = nullptr;
      const size_t masked = kPanelVecs * kMaxRows * static_cast<size_t>(stage_.geo.input + hidden_);
      m.masked = layout.take<T>(packed_ ? masked : 0);
      if (members_) members_[i] = m;
    }
  }

  // dh_ and dc_ start from the gradients of the final states.
  void start(const Part& part) const {
    for (int n = part.rows.begin; n < part.rows.end; ++n) {
      const size_t row = static_cast<size_t>(n) * hidden_;
      copy_or_clear(dh_ + row, args_.dh_n ? args_.dh_n + row : nullptr, part.units);
      clear(args_.dh0 + row, part.units);
      if (seq_.mask) clear(carried_ + row, part.units);
      if (!Cell::kHasMemory) continue;
      copy_or_clear(dc_ + row, args_.dc_n ? args_.dc_n + row : nullptr, part.units);
      clear(args_.dc0 + row, part.units);
    }
  }

  // What has come down to row n's dh_ and dc_ belongs to its initial state.
  void to_initial(int n, Span units) const {
    const size_t row = static_cast<size_t>(n) * hidden_;
    add(args_.dh0 + row, dh_ + row, units);
    clear(dh_ + row, units);
    if (!Cell::kHasMemory) return;
    add(args_.dc0 + row, dc_ + row, units);
    clear(dc_ + row, units);
  }

  // Steps [from, to) of the chunk [begin, end) of time, counted from its end.
  void back_chunk(int begin, int end, int from, int to, const Part& part, const Member& me,
                  const Team& team) const {
    if (from == 0 && end == seq_.steps) start(part);
    if (from == 0 && packed_) rebuild(begin, end, part, me, team);
    for (int s = end - 1 - from; s >= begin && s > end - 1 - to; --s) {
      back_step(s, (s - begin) * seq_.batch, part, me, team);
    }
    if (begin > 0 || end - to > begin) return;
    for (int n = part.rows.begin; n < part.rows.end; ++n) to_initial(n, part.units);
  }

  // Step s of time, whose rows in the chunk begin at r0.
  void back_step(int s, int r0, const Part& part, const Member& me, const Team& team) const {
    const int t = time(s);
    int count = 0;
    for (int n = part.rows.begin; n < part.rows.end; ++n) {
      const size_t row = static_cast<size_t>(n) * hidden_;
      const int r = r0 + n;
      const T* dy = args_.dy ? args_.dy + at(n, t) * hidden_ : nullptr;
      if (r >= seq_.batch) fetch_ahead(r - seq_.batch, dy, part.units);
      if (!active(n, t)) {
        if (dy) add(carried_ + row, dy, part.units);
        clear_sums(stage_, r, part.units);
        if constexpr (kTwoStages) clear_sums(second_, r, part.units);
        continue;
      }
      if (dy) add(dh_ + row, dy, part.units);
      if (dy && seq_.mask) {
        add(dh_ + row, carried_ + row, part.units);
        clear(carried_ + row, part.units);
      }
      BackwardRow<T> cell{
          list_.h[r],
          list_.c_prev[r],
          seq_.y + at(n, t) * hidden_,
          dh_ + row,
          Cell::kHasMemory ? dc_ + row : nullptr,
          zoneout_row(seq_.zoneout_h, seq_.zoneout_h_batch, seq_.zoneout_h_step, n, t),
          zoneout_row(seq_.zoneout_c, seq_.zoneout_c_batch, seq_.zoneout_c_step, n, t),
          list_.saved[r]};
      if constexpr (kTwoStages) {
        cell.dc = gated_ + static_cast<size_t>(r) * hidden_;  // the gradient of z, for now
        clear(d_gated_ + row, part.units);
        apply<Second>(second_, r, cell, part.units);
        me.second_rows[count] = second_.dsums_row(0, r);
        me.second_to[count] = d_gated_ + row;
      } else {
        apply<Cell>(stage_, r, cell, part.units);
      }
      me.rows[count] = stage_.dsums_row(0, r);
      me.to[count] = dh_ + row;
      me.batch[count++] = n;
    }
    if constexpr (kTwoStages) {
      add_products(second_, me.second_rows, me.second_to, me.batch, count, team);
      team.barrier();
      for (int i = 0; i < count; ++i) {
        const int r = r0 + me.batch[i];
        const BackwardRow<T> cell{list_.h[r],
                                  me.second_to[i],
                                  nullptr,
                                  me.to[i],
                                  gated_ + static_cast<size_t>(r) * hidden_,
                                  nullptr,
                                  nullptr,
                                  list_.saved[r]};
        apply<Cell>(stage_, r, cell, part.units);
      }
    }
    add_products(stage_, me.rows, me.to, me.batch, count, team);
    team.barrier();
    if (!seq_.reset) return;
    for (int n = part.rows.begin; n < part.rows.end; ++n) {
      if (seq_.reset[at(n, t)]) to_initial(n, part.units);
    }
  }

  // Row r, of the step that comes next: it was written long ago and lies far away.
  void fetch_ahead(int r, const T* dy, Span units) const {
    const int count = units.end - units.begin;
    const T* saved = list_.saved[r];
    if (saved) {
      for (int g = 0; g < Cell::kSaved; ++g) prefetch(saved + g * hidden_ + units.begin, count);
    }
    if (list_.c_prev[r]) prefetch(list_.c_prev[r] + units.begin, count);
    if (dy) prefetch(dy + (seq_.reverse ? hidden_ : -hidden_) + units.begin, count);
  }

  template <class Stage>
  static void clear_sums(const Stage& stage, int r, Span units) {
    const int width = stage.geo.panels.width();
    for (int p = units.begin / width; p * width < units.end; ++p) {
      clear(stage.dsums_row(p, r), {0, kPanelLanes<T>});
    }
  }

  // The team shares the panels, once all have come so far.
  template <class Stage>
  static void add_products(const Stage& stage, const T* const* rows, T* const* to, const int* batch,
                           int count, const Team& team) {
    team.barrier();
    team.each(stage.hidden_panels.count(),
              [&](int q) { stage.add_state(q, rows, batch, count, to); });
  }

  template <class C, class Stage>
  void apply(const Stage& stage, int r, const BackwardRow<T>& row, Span units) const {
    const int width = stage.geo.panels.width();
    for (int p = units.begin / width; p * width < units.end; ++p) {
      if (usual_) {
        apply_panel<C, true>(stage.geo.panels[p], row, stage.dsums_row(p, r));
      } else {
        apply_panel<C, false>(stage.geo.panels[p], row, stage.dsums_row(p, r));
      }
    }
  }

  template <class C, bool kUsual>
  FASTRNN_INLINE void apply_panel(const Panel& p, const BackwardRow<T>& row, T* dsums) const {
    for (int j = 0; j < p.units; j += kLanes<T>) {
      if (p.units - j >= kLanes<T>) {
        const Units<T, true> units{p.unit0 + j, kLanes<T>};
        C::template backward<T, kUsual, true>(context_, units, row, dsums + j, p.stride);
      } else {
        const Units<T, false> units{p.unit0 + j, p.units - j};
        C::template backward<T, kUsual, false>(context_, units, row, dsums + j, p.stride);
      }
    }
  }

  // What each row of the chunk read. The team shares the sequences.
  void list_rows(int begin, int end, const Team& team) const {
    int n0, n1;
    team.share(seq_.batch, 1, &n0, &n1);
    const size_t saved_size = static_cast<size_t>(hidden_) * Cell::kSaved;
    for (int s = begin; s < end; ++s) {
      const int t = time(s);
      for (int n = n0; n < n1; ++n) {
        const int r = (s - begin) * seq_.batch + n;
        list_.batch[r] = n;
        if (kTwoStages) gated_rows_[r] = nullptr;
        list_.x[r] = list_.h[r] = list_.c_prev[r] = list_.saved[r] = nullptr;
        if (!active(n, t)) continue;
        const int before = previous(n, t);
        const size_t row = static_cast<size_t>(n) * hidden_;
        list_.x[r] = seq_.x + n * seq_.x_batch + t * seq_.x_step;
        list_.h[r] = before < 0 ? seq_.h0 + row : seq_.y + at(n, before) * hidden_;
        if (Cell::kHasMemory) {
          list_.c_prev[r] =
              before < 0 ? seq_.c0 + row
                         : seq_.c_all + (static_cast<size_t>(before) * seq_.batch + n) * hidden_;
        }
        if (seq_.saved) {
          list_.saved[r] = seq_.saved + (static_cast<size_t>(t) * seq_.batch + n) * saved_size;
        } else if (packed_) {
          list_.saved[r] = rebuilt_ + r * saved_size;
        }
        if (kTwoStages) gated_rows_[r] = gated_ + static_cast<size_t>(r) * hidden_;
      }
    }
  }

  // Recompute: the chunk's gates, from saved states, for all its steps at once.
  void rebuild(int begin, int end, const Part& part, const Member& me, const Team& team) const {
    StepRows<T> rows = me.step;
    rows.count = 0;
    for (int s = begin; s < end; ++s) {
      for (int n = part.rows.begin; n < part.rows.end; ++n) {
        const int r = (s - begin) * seq_.batch + n;
        if (!list_.x[r]) continue;
        const int i = rows.count++;
        rows.x[i] = list_.x[r];
        rows.h[i] = list_.h[r];
        rows.cell[i] = {list_.h[r],
                        list_.c_prev[r],
                        nullptr,
                        kTwoStages ? gated_ + static_cast<size_t>(r) * hidden_ : nullptr,
                        nullptr,
                        nullptr,
                        const_cast<T*>(list_.saved[r])};
        if (rows.x_mask) rows.x_mask[i] = seq_.x_mask + n * seq_.x_mask_batch;
        if (rows.h_mask) rows.h_mask[i] = seq_.h_mask + n * seq_.h_mask_batch;
      }
    }
    const Step<T, Cell> step(*packed_, packed_->panels, packed_->bias, seq_);
    run_panels(step, rows, me.masked, team);
    if constexpr (kTwoStages) {
      for (int i = 0; i < rows.count; ++i) rows.h[i] = rows.cell[i].c;
      const Step<T, Second> second(*packed_, packed_->second_panels, packed_->second_bias, seq_);
      run_panels(second, rows, me.masked, team);
    }
  }

  const RecurrentBackward<T>& args_;
  const RecurrentSequence<T>& seq_;
  int hidden_;
  int chunk_;       // steps
  int chunk_rows_;  // steps times batch
  Gradients<T, Cell> stage_;
  Gradients<T, Second> second_;  // of a cell with two stages
  CellContext<T> context_;
  bool usual_;
  const PackedRecurrent<T>* packed_;
  int grain_;  // units that no panel of any product divides
  Division division_{};
  int segment_ = 0;  // steps that a track advances at a time
  Track* tracks_ = nullptr;
  T* dh_ = nullptr;  // (N, H): gradient of the state between two steps
  T* dc_ = nullptr;
  T* carried_ = nullptr;  // (N, H): dy of masked steps, for the output that they repeat
  T* d_gated_ = nullptr;  // (N, H): two stages: the gradient of r h'
  T* gated_ = nullptr;    // [row of the chunk][H]: two stages: r h'
  const T** gated_rows_ = nullptr;
  ChunkRows<T> list_{};
  T* rebuilt_ = nullptr;  // recompute: the chunk's gates
  Member* members_ = nullptr;
};

template <class T, class Cell>
void backward(const RecurrentConfig& config, const RecurrentBackward<T>& args) {
  PackedRecurrent<T> packed;
  const bool recompute = !args.seq.saved && Cell::kBlocks > 1;
  if (recompute) pack_recurrent(config, args.weights, &packed);
  const double work = 4.0 * args.seq.batch * args.seq.steps * (config.input + config.hidden) *
                      config.hidden * Cell::kBlocks;
  const int threads = team_for_steps(work, args.seq.batch, args.seq.steps);
  BackwardRun<T, Cell> run(config, args, recompute ? &packed : nullptr, threads);
  const Buffer memory(run.scratch_size(threads));
  run.use(memory.bytes(), threads);
  run_team(threads, run);
}

constexpr BackwardTable kTables[] = {
#define FASTRNN_CELL(kind, name, Cell) {{backward<float, Cell>}, {backward<double, Cell>}},
#include "cells/cells.def"
#undef FASTRNN_CELL
};

}  // namespace

const BackwardTable* backward_table(CellKind cell) { return kTables + static_cast<int>(cell); }

FASTRNN_ISA_END
