// The time loop, forward.
#include "cpu/sequence.h"
#include "cpu/tables.h"

FASTRNN_ISA_BEGIN
namespace {

template <class T, class Cell>
class ForwardRun {
 public:
  ForwardRun(const PackedRecurrent<T>& packed, const RecurrentForward<T>& args, int team)
      : args_(args),
        seq_(args.seq),
        step_(packed, packed.panels, packed.bias, args.seq),
        second_(packed, packed.second_panels, packed.second_bias, args.seq),
        division_(divide(team, seq_.batch, packed.config.hidden, second_.geo.panels.width(),
                         step_.geo.packed_size() * sizeof(T))),
        segment_(seq_.steps) {
    // With a handful of rows a step's tiles are thin; the input's part then goes through full
    // tiles, for the rows of many steps at once, while they are in cache.
    const bool thin = seq_.batch <= kThinBatch && seq_.steps > 1;
    chunk_ = thin ? kChunkRows / seq_.batch : 0;
    if (chunk_ > seq_.steps) chunk_ = seq_.steps;
    if (division_.tracks > 1) {
      const double row_work = 2.0 * step_.geo.packed_size();
      segment_ = segment_steps(seq_.steps, row_work * seq_.batch / division_.tracks);
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
    const Member& me = members_[team.rank()];
    const int hidden = step_.geo.hidden;
    if (division_.by_units) {
      const Part part = Division::of_units(team, seq_.batch, hidden, second_.geo.panels.width());
      begin(part, me);
      for (int s = 0; s < seq_.steps; ++s) run_step(s, part, me, team);
      finish(part, me);
      return;
    }
    const Team alone = Team::alone();
    const int segments = (seq_.steps + segment_ - 1) / segment_;
    team.advance(tracks_, division_.tracks, segments, [&](int track, int segment) {
      const Part part = division_.of_rows(track, seq_.batch, hidden);
      const int first = segment * segment_;
      const int last = segment + 1 == segments ? seq_.steps : first + segment_;
      if (segment == 0) begin(part, me);
      for (int s = first; s < last; ++s) run_step(s, part, me, alone);
      if (segment + 1 == segments) finish(part, me);
    });
  }

 private:
  static constexpr bool kTwoStages = !is_void<typename Cell::Second>;
  using Second = typename SecondOr<typename Cell::Second, Cell>::type;
  static constexpr int kThinBatch = 4;
  static constexpr int kChunkRows = 96;

  struct RowState {
    const T* h;  // where the row's state lies now
    const T* c;
    const T* output;  // its last output, null before the first
    int last;         // the step of that state, -1 = h0
  };

  // One thread's own memory; the rows' states are everybody's where the team shares rows.
  struct Member {
    RowState* state;
    const T** x;
    const T** h;
    const T** x_mask;
    const T** h_mask;
    const T** sums;
    const T** second_sums;
    T** y;
    ForwardRow<T>* cell;
    T* masked;
  };

  void lay_out(Layout& layout, int team) {
    const size_t n = seq_.batch;
    const size_t rows = chunk_ ? static_cast<size_t>(chunk_) * n : n;
    tracks_ = layout.template take<Track>(division_.tracks);
    members_ = layout.template take<Member>(team);
    RowState* common = layout.template take<RowState>(n);
    for (int i = 0; i < team; ++i) {
      Member m;
      m.state = division_.by_units && i > 0 ? layout.template take<RowState>(n) : common;
      m.x = layout.template take<const T*>(rows);
      m.h = layout.template take<const T*>(n);
      m.x_mask = layout.template take<const T*>(rows);
      m.h_mask = layout.template take<const T*>(n);
      m.sums = layout.template take<const T*>(n);
      m.second_sums = layout.template take<const T*>(kTwoStages ? n : 0);
      m.y = layout.template take<T*>(kTwoStages ? n : 0);
      m.cell = layout.template take<ForwardRow<T>>(n);
      m.masked = layout.template take<T>(seq_.x_mask || seq_.h_mask ? step_.mask_scratch() : 0);
      if (members_) members_[i] = m;
    }
    const size_t states = n * step_.geo.hidden;
    projected_ = layout.template take<T>(chunk_ ? rows * row_lanes(step_) : 0);
    second_projected_ =
        layout.template take<T>(chunk_ && kTwoStages ? rows * row_lanes(second_) : 0);
    c_ = layout.template take<T>(Cell::kHasMemory && !seq_.c_all ? states : 0);
    handed_ = layout.template take<T>(kTwoStages ? 2 * states : 0);
  }

  template <class Stage>
  static size_t row_lanes(const Stage& stage) {
    return static_cast<size_t>(stage.geo.panels.count()) * kPanelLanes<T>;
  }

  int time(int s) const { return seq_.reverse ? seq_.steps - 1 - s : s; }

  void begin(const Part& part, const Member& me) const {
    for (int n = part.rows.begin; n < part.rows.end; ++n) {
      const size_t row = static_cast<size_t>(n) * step_.geo.hidden;
      me.state[n] = {seq_.h0 + row, Cell::kHasMemory ? seq_.c0 + row : nullptr, nullptr, -1};
    }
  }

  void finish(const Part& part, const Member& me) const {
    for (int n = part.rows.begin; n < part.rows.end; ++n) {
      const size_t row = static_cast<size_t>(n) * step_.geo.hidden;
      const RowState& state = me.state[n];
      if (args_.h_n + row != state.h) copy(args_.h_n + row, state.h, part.units);
      if (Cell::kHasMemory && args_.c_n + row != state.c) {
        copy(args_.c_n + row, state.c, part.units);
      }
    }
  }

  void run_step(int s, const Part& part, const Member& me, const Team& team) const {
    if (chunk_ && s % chunk_ == 0) project_chunk(s, part, me, team);
    StepRows<T> rows = gather(s, part, me);
    run_panels(step_, rows, me.masked, team);
    if constexpr (kTwoStages) {
      to_second(rows, me);
      run_panels(second_, rows, me.masked, team);
    }
  }

  void project_chunk(int s, const Part& part, const Member& me, const Team& team) const {
    const int steps = s + chunk_ < seq_.steps ? chunk_ : seq_.steps - s;
    StepRows<T> rows{};
    rows.x = me.x;
    rows.x_mask = seq_.x_mask ? me.x_mask : nullptr;
    rows.count = steps * (part.rows.end - part.rows.begin);
    for (int i = 0, r = 0; i < steps; ++i) {
      for (int n = part.rows.begin; n < part.rows.end; ++n, ++r) {
        me.x[r] = seq_.x + n * seq_.x_batch + time(s + i) * seq_.x_step;
        if (seq_.x_mask) me.x_mask[r] = seq_.x_mask + n * seq_.x_mask_batch;
      }
    }
    project(step_, rows, projected_, me, team);
    if constexpr (kTwoStages) project(second_, rows, second_projected_, me, team);
    team.barrier();
  }

  template <class Stage>
  static void project(const Stage& stage, const StepRows<T>& rows, T* out, const Member& me,
                      const Team& team) {
    team.each(stage.geo.panels.count(),
              [&](int p) { stage.project(p, p + 1, rows, out, row_lanes(stage), me.masked); });
  }

  // The rows that this step computes, and the bookkeeping of those that it does not.
  StepRows<T> gather(int s, const Part& part, const Member& me) const {
    const int hidden = step_.geo.hidden;
    const int t = time(s);
    int count = 0;
    for (int n = part.rows.begin; n < part.rows.end; ++n) {
      const size_t at = static_cast<size_t>(n) * seq_.steps + t;
      const size_t row = static_cast<size_t>(n) * hidden;
      RowState& state = me.state[n];
      if (seq_.reset && seq_.reset[at]) {
        state.h = seq_.h0 + row;
        if (Cell::kHasMemory) state.c = seq_.c0 + row;
        state.last = -1;
      }
      if (seq_.previous && part.units.begin == 0 && part.units.end > 0)
        seq_.previous[at] = state.last;
      T* y = seq_.y + at * hidden;
      if (seq_.mask && !seq_.mask[at]) {
        copy_or_clear(y, state.output, part.units);
        continue;
      }
      const size_t kept = static_cast<size_t>(t) * seq_.batch + n;
      T* c = nullptr;
      if (Cell::kHasMemory) c = seq_.c_all ? seq_.c_all + kept * hidden : c_ + row;
      if (chunk_) {
        const size_t ahead = (s % chunk_) * (part.rows.end - part.rows.begin) + n - part.rows.begin;
        me.sums[count] = projected_ + ahead * row_lanes(step_);
        if (kTwoStages) me.second_sums[count] = second_projected_ + ahead * row_lanes(second_);
      } else {
        me.x[count] = seq_.x + n * seq_.x_batch + t * seq_.x_step;
        if (seq_.x_mask) me.x_mask[count] = seq_.x_mask + n * seq_.x_mask_batch;
      }
      me.h[count] = state.h;
      if (seq_.h_mask) me.h_mask[count] = seq_.h_mask + n * seq_.h_mask_batch;
      T* saved = seq_.saved ? seq_.saved + kept * hidden * Cell::kSaved : nullptr;
      me.cell[count] = {
          state.h,
          state.c,
          y,
          c,
          zoneout_row(seq_.zoneout_h, seq_.zoneout_h_batch, seq_.zoneout_h_step, n, t),
          zoneout_row(seq_.zoneout_c, seq_.zoneout_c_batch, seq_.zoneout_c_step, n, t),
          saved};
      if constexpr (kTwoStages) {
        // The first stage's z and r h'; y waits for the second.
        me.y[count] = y;
        me.cell[count].h = handed_ + 2 * row;
        me.cell[count].c = handed_ + 2 * row + hidden;
      }
      state = {y, c, y, t};
      ++count;
    }
    return {count,
            chunk_ ? nullptr : me.x,
            me.h,
            chunk_ ? me.sums : nullptr,
            me.cell,
            seq_.x_mask && !chunk_ ? me.x_mask : nullptr,
            seq_.h_mask ? me.h_mask : nullptr};
  }

  // The second stage reads what the first handed on, and writes y.
  static void to_second(StepRows<T>& rows, const Member& me) {
    if (rows.sums) rows.sums = me.second_sums;
    for (int i = 0; i < rows.count; ++i) {
      ForwardRow<T>& row = me.cell[i];
      me.h[i] = row.c;
      row.c_prev = row.h;
      row.h = me.y[i];
    }
  }

  const RecurrentForward<T>& args_;
  const RecurrentSequence<T>& seq_;
  Step<T, Cell> step_;
  Step<T, Second> second_;  // of a cell with two stages
  Division division_;
  int segment_;              // steps that a track advances at a time
  int chunk_;                // steps whose input part is computed ahead; 0: inside the tiles
  Track* tracks_ = nullptr;  // one for each of the division's
  Member* members_ = nullptr;
  T* c_ = nullptr;          // inference's memory, updated in place
  T* projected_ = nullptr;  // a chunk's input part: a thin batch is shared by units, so are these
  T* second_projected_ = nullptr;  // of the second of two stages
  T* handed_ = nullptr;            // (N, 2, H): what the first of two stages hands on
};

template <class T, class Cell>
void forward(const PackedRecurrent<T>& packed, const RecurrentForward<T>& args) {
  const double work = 2.0 * args.seq.batch * args.seq.steps *
                      (packed.config.input + packed.config.hidden) * packed.config.hidden *
                      Cell::kBlocks;
  const int threads = team_for_steps(work, args.seq.batch, args.seq.steps);
  ForwardRun<T, Cell> run(packed, args, threads);
  const Buffer memory(run.scratch_size(threads));
  run.use(memory.bytes(), threads);
  run_team(threads, run);
}

// One stage's panels and bias.
template <class T, class Cell>
void pack_stage(const Geometry<T, Cell>& geo, const RecurrentWeights<T>& weights, T* panels,
                T* bias_row, const Team& team) {
  int input_column[Cell::kGates], state_column[Cell::kGates];
  for (int g = 0; g < Cell::kGates; ++g) {
    input_column[g] = Cell::kInputBlock[g] * geo.hidden;
    state_column[g] = Cell::kStateBlock[g] * geo.hidden;
  }
  // The GRU's bias has a row for each product where its columns are kept apart; where both feed a
  // column they add up.
  const bool two_rows = Cell::kStateFirst > 0;
  const ptrdiff_t row = static_cast<ptrdiff_t>(Cell::kBlocks) * geo.hidden;
  const int gate_vecs = geo.panels.width() / kLanes<T>;
  int begin, end;
  team.share(geo.panels.count(), 1, &begin, &end);
  for (int p = begin; p < end; ++p) {
    const Panel panel = geo.panels[p];
    const bool aligned = geo.aligned(panel);
    T* to = panels + geo.panel_offset(p);
    pack_panel(weights.kernel, row, geo.input, panel, Cell::kGates, input_column,
               aligned ? Cell::kInputFirst * gate_vecs : 0, geo.input_vecs(panel), to);
    to += static_cast<size_t>(geo.input) * geo.input_vecs(panel) * kLanes<T>;
    pack_panel(weights.recurrent, row, geo.hidden, panel, Cell::kGates, state_column,
               aligned ? Cell::kStateFirst * gate_vecs : 0, geo.state_vecs(panel), to);
    T* bias = bias_row + p * kPanelLanes<T>;
    for (int lane = 0; lane < kPanelLanes<T>; ++lane) bias[lane] = T(0);
    if (!weights.bias) continue;
    for (int g = 0; g < Cell::kGates; ++g) {
      for (int j = 0; j < panel.units; ++j) {
        T sum = T(0);
        if (input_column[g] >= 0) sum += weights.bias[input_column[g] + panel.unit0 + j];
        if (two_rows && state_column[g] >= 0) {
          sum += weights.bias[row + state_column[g] + panel.unit0 + j];
        }
        bias[g * panel.stride + j] = sum;
      }
    }
  }
}

template <class T, class Cell>
void pack(const RecurrentConfig& config, const RecurrentWeights<T>& weights,
          PackedRecurrent<T>* out) {
  using Second = typename SecondOr<typename Cell::Second, Cell>::type;
  constexpr bool kTwoStages = !is_void<typename Cell::Second>;
  const Geometry<T, Cell> geo(config);
  const Geometry<T, Second> second(config);
  const size_t peephole_size = weights.peephole ? 3 * static_cast<size_t>(config.hidden) : 0;
  const auto lay_out = [&](Layout layout) {
    out->panels = layout.template take<T>(geo.packed_size());
    out->bias = layout.template take<T>(static_cast<size_t>(geo.panels.count()) * kPanelLanes<T>);
    out->second_panels = layout.template take<T>(kTwoStages ? second.packed_size() : 0);
    out->second_bias = layout.template take<T>(
        kTwoStages ? static_cast<size_t>(second.panels.count()) * kPanelLanes<T> : 0);
    out->peephole = layout.template take<T>(peephole_size);
    return layout.size();
  };
  out->config = config;
  out->memory = Buffer(lay_out(Layout()));
  lay_out(Layout(out->memory.bytes()));
  if (weights.peephole) {
    __builtin_memcpy(out->peephole, weights.peephole, sizeof(T) * peephole_size);
  } else {
    out->peephole = nullptr;
  }
  auto body = [&](const Team& team) {
    pack_stage(geo, weights, out->panels, out->bias, team);
    if constexpr (kTwoStages) {
      pack_stage(second, weights, out->second_panels, out->second_bias, team);
    }
  };
  run_team(team_for(2.0 * geo.packed_size()), body);
}

template <class Cell>
constexpr ForwardTable table_of(const char* name) {
  return {{name, Cell::kBlocks, Cell::kSaved},
          {pack<float, Cell>, forward<float, Cell>},
          {pack<double, Cell>, forward<double, Cell>}};
}

constexpr ForwardTable kTables[] = {
#define FASTRNN_CELL(kind, name, Cell) table_of<Cell>(name),
#include "cells/cells.def"
#undef FASTRNN_CELL
};

}  // namespace

const ForwardTable* forward_table(CellKind cell) { return kTables + static_cast<int>(cell); }

FASTRNN_ISA_END
