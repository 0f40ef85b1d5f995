// Back-propagation through time.
//
// Time runs backwards in chunks. Within a chunk, step by step: the cell turns the gradient of h and
// c into that of its sums (one row of panels in `dsums_`), and dsums R^T gives the gradient of the
// step before. When a chunk is done, one large product each adds its share of dW, dR and dx while
// its dsums are still in cache. Rows whose step is masked leave zeros there.
#include "cpu/outer.h"
#include "cpu/sequence.h"
#include "cpu/tables.h"

FASTRNN_ISA_BEGIN
namespace {

template <class T, class Cell>
class BackwardRun {
 public:
  BackwardRun(const RecurrentConfig& config, const RecurrentBackward<T>& args,
              const PackedRecurrent<T>* packed)
      : args_(args), seq_(args.seq), geo_(config),
        context_{config.activation, config.gate_activation, args.weights.peephole, config.hidden},
        usual_(config.activation == Activation::kTanh &&
               (Cell::kBlocks == 1 || config.gate_activation == Activation::kSigmoid)),
        hidden_panels_(config.hidden, 1, true, output_vecs(config.hidden)),
        input_panels_(config.input, 1), packed_(packed) {
    const int most = kChunkRows / seq_.batch > 1 ? kChunkRows / seq_.batch : 1;
    const int chunks = (seq_.steps + most - 1) / most;
    chunk_ = (seq_.steps + chunks - 1) / chunks;
    chunk_rows_ = chunk_ * seq_.batch;
  }

  size_t scratch_size(int team) {
    Layout measure;
    lay_out(measure, team);
    return measure.size();
  }

  void use(char* memory, int team) {
    Layout layout(memory);
    lay_out(layout, team);
  }

  void operator()(const Team& team) const {
    const int hidden = geo_.hidden;
    pack_weights(team);
    const int grain = geo_.panels.width() > hidden_panels_.width() ? geo_.panels.width()
                                                                   : hidden_panels_.width();
    const Division part = divide(team, seq_.batch, hidden, grain,
                                 sizeof(T) * Cell::kStateGates * static_cast<size_t>(hidden) * hidden);
    start(part);
    team.barrier();  // packed weights
    bool first = true;
    for (int end = seq_.steps; end > 0; end -= chunk_) {
      const int begin = end > chunk_ ? end - chunk_ : 0;
      if (packed_) rebuild(begin, end, part, team);
      for (int s = end - 1; s >= begin; --s) back_step(s, s - begin, part, team);
      // Rows reach the products below through pointers; each member lists its own share.
      list_rows(begin, end, team);
      team.barrier();
      weight_gradients((end - begin) * seq_.batch, first, team);
      if (args_.dx) input_gradient(begin, end, team);
      team.barrier();
      first = false;
    }
    finish(part);
  }

 private:
  static constexpr int kChunkRows = 512;

  // Narrower panels for few units, so that a team can share them.
  static int output_vecs(int hidden) { return hidden >= 8 * kLanes<T> ? kPanelVecs : 2; }

  int time(int s) const { return seq_.reverse ? seq_.steps - 1 - s : s; }
  bool active(int n, int t) const {
    return !seq_.mask || seq_.mask[static_cast<size_t>(n) * seq_.steps + t];
  }
  T* dsums_row(int p, int r) const {
    return dsums_ + (static_cast<size_t>(p) * chunk_rows_ + r) * kPanelLanes<T>;
  }
  int previous(int n, int t) const {
    if (seq_.previous) return seq_.previous[static_cast<size_t>(n) * seq_.steps + t];
    const int before = seq_.reverse ? t + 1 : t - 1;
    return before < seq_.steps ? before : -1;
  }
  const T* h_before(int n, int t) const {
    const int p = previous(n, t);
    return p < 0 ? seq_.h0 + static_cast<size_t>(n) * geo_.hidden
                 : seq_.y + (static_cast<size_t>(n) * seq_.steps + p) * geo_.hidden;
  }
  const T* c_before(int n, int t) const {
    if (!Cell::kHasMemory) return nullptr;
    const int p = previous(n, t);
    return p < 0 ? seq_.c0 + static_cast<size_t>(n) * geo_.hidden
                 : seq_.c_all + (static_cast<size_t>(p) * seq_.batch + n) * geo_.hidden;
  }
  T* saved_row(int n, int t, int s_in_chunk) const {
    const size_t size = static_cast<size_t>(geo_.hidden) * Cell::kSaved;
    if (seq_.saved) return seq_.saved + (static_cast<size_t>(t) * seq_.batch + n) * size;
    return rebuilt_ ? rebuilt_ + (static_cast<size_t>(s_in_chunk) * seq_.batch + n) * size : nullptr;
  }

  // One thread's own memory.
  struct Member {
    const T** rows;  // dsums' rows of the step
    int* batch;      // and the sequences they belong to
    StepRows<T> step;  // recompute only
    T* scratch;
  };

  void lay_out(Layout& layout, int team) {
    const size_t n = seq_.batch;
    const size_t hidden = geo_.hidden;
    const size_t rows = chunk_rows_;
    const size_t state_depth = product_depth(Cell::kStateGates);
    const size_t input_depth = product_depth(Cell::kInputGates);
    state_weights_ = layout.take<T>(state_depth * hidden_panels_.count() * hidden_panels_.width());
    input_weights_ =
        layout.take<T>(args_.dx ? input_depth * input_panels_.count() * input_panels_.width() : 0);
    dh_ = layout.take<T>(n * hidden);
    dc_ = layout.take<T>(Cell::kHasMemory ? n * hidden : 0);
    carried_ = layout.take<T>(seq_.mask ? n * hidden : 0);
    dsums_ = layout.take<T>(geo_.panels.count() * rows * kPanelLanes<T>);
    x_rows_ = layout.take<const T*>(rows);
    h_rows_ = layout.take<const T*>(rows);
    c_rows_ = layout.take<const T*>(rows);
    batch_of_ = layout.take<int>(rows);
    columns_ = layout.take<T>(rows * kMaxRows * (column_tiles(geo_.input) + column_tiles(geo_.hidden)));
    rebuilt_ = layout.take<T>(packed_ ? rows * hidden * Cell::kSaved : 0);
    saved_rows_ = layout.take<const T*>(rows);
    members_ = layout.take<Member>(team);
    const size_t again = packed_ ? rows : 0;
    for (int i = 0; i < team; ++i) {
      Member m{};
      m.rows = layout.take<const T*>(n);
      m.batch = layout.take<int>(n);
      m.step.x = layout.take<const T*>(again);
      m.step.h = layout.take<const T*>(again);
      m.step.cell = layout.take<ForwardRow<T>>(again);
      m.step.saved = layout.take<T*>(again);
      m.step.x_mask = layout.take<const T*>(seq_.x_mask ? again : 0);
      m.step.h_mask = layout.take<const T*>(seq_.h_mask ? again : 0);
      if (!seq_.x_mask) m.step.x_mask = nullptr;
      if (!seq_.h_mask) m.step.h_mask = nullptr;
      m.scratch = layout.take<T>(packed_ ? Step<T, Cell>(*packed_, seq_).mask_scratch() : 0);
      if (members_) members_[i] = m;
    }
  }

  // Columns of dsums that a product with `gates` gates reads, over all panels.
  size_t product_depth(int gates) const {
    size_t depth = 0;
    for (int p = 0; p < geo_.panels.count(); ++p) depth += gates * geo_.panels[p].stride;
    return depth;
  }

  // R^T and W^T, in the order of dsums' columns.
  void pack_weights(const Team& team) const {
    const int hidden_count = hidden_panels_.count();
    const int input_count = args_.dx ? input_panels_.count() : 0;
    int begin, end;
    team.share(hidden_count + input_count, 1, &begin, &end);
    for (int q = begin; q < end; ++q) {
      const bool state = q < hidden_count;
      const Panel out = state ? hidden_panels_[q] : input_panels_[q - hidden_count];
      const int* block = state ? Cell::kStateBlock : Cell::kInputBlock;
      const int first = state ? Cell::kStateFirst : Cell::kInputFirst;
      const int gates = state ? Cell::kStateGates : Cell::kInputGates;
      const T* matrix = state ? args_.weights.recurrent : args_.weights.kernel;
      T* to = state ? state_weights_ + q * product_depth(gates) * hidden_panels_.width()
                    : input_weights_ + (q - hidden_count) * product_depth(gates) * input_panels_.width();
      const int width = out.vecs * kLanes<T>;
      const ptrdiff_t stride = static_cast<ptrdiff_t>(Cell::kBlocks) * geo_.hidden;
      for (int p = 0; p < geo_.panels.count(); ++p) {
        const Panel from = geo_.panels[p];
        for (int g = first; g < first + gates; ++g) {
          pack_transposed(matrix, stride, block[g] * geo_.hidden + from.unit0, from.units, out, to);
          const int pad = (from.stride - from.units) * width;
          for (int j = 0; j < pad; ++j) to[from.units * width + j] = T(0);
          to += from.stride * width;
        }
      }
    }
  }

  // Output panel q of dsums * (R^T or W^T) over the rows dsums_ row numbers `slots`.
  // `group`: one gate of the product, or -1 for all of them.
  void product(int q, bool state, const T* const* rows, int height, int group, T* tile) const {
    const PanelSet<T>& panels = state ? hidden_panels_ : input_panels_;
    const int gates = state ? Cell::kStateGates : Cell::kInputGates;
    const int first = state ? Cell::kStateFirst : Cell::kInputFirst;
    const Panel out = panels[q];
    const int width = out.vecs * kLanes<T>;
    const T* b = (state ? state_weights_ : input_weights_) + q * product_depth(gates) * panels.width();
    const bool split = seq_.batch == 1 && state;
    const TileFn<T> fn = split ? tile_fn_split<T>(out.vecs)
                               : tile_fn<T, RowForm::kShared>(height, out.vecs);
    constexpr int kRun = 32;
    Segment<T> segments[kRun];
    int used = 0;
    for (int p = 0; p < geo_.panels.count(); ++p) {
      const Panel from = geo_.panels[p];
      const ptrdiff_t at = static_cast<ptrdiff_t>(p) * chunk_rows_ * kPanelLanes<T>;
      const int gate = group < 0 ? 0 : group;
      segments[used++] = {rows, at + (first + gate) * from.stride,
                          (group < 0 ? gates : 1) * from.stride,
                          b + static_cast<ptrdiff_t>(gate) * from.stride * width, width};
      b += static_cast<ptrdiff_t>(gates) * from.stride * width;
      if (used == kRun || p + 1 == geo_.panels.count()) {
        fn(segments, used, nullptr, 0, tile);
        used = 0;
      }
    }
  }

  // to[0:units] += or = the product's panel for one row, times its dropout mask.
  static void put(T* to, const T* tile, const Panel& out, const T* mask, bool fresh) {
    for (int j = 0; j < out.units; j += kLanes<T>) {
      const int n = out.units - j < kLanes<T> ? out.units - j : kLanes<T>;
      Vec<T> v = load(tile + j);
      if (mask) v *= load_n(mask + out.unit0 + j, n);
      if (!fresh) v += load_n(to + out.unit0 + j, n);
      store_n(to + out.unit0 + j, v, n);
    }
  }

  // Adds dsums R^T (or writes dsums W^T) for rows of panel q. Per-gate masks: gate after gate.
  template <class MaskRow>
  void rows_product(int q, bool state, const T* const* rows, int count, T* const* to,
                    ptrdiff_t mask_gate, const MaskRow& mask_row) const {
    alignas(64) T tile[kMaxRows * kPanelLanes<T>];
    const Panel out = state ? hidden_panels_[q] : input_panels_[q];
    const int gates = state ? Cell::kStateGates : Cell::kInputGates;
    const int first = state ? Cell::kStateFirst : Cell::kInputFirst;
    const int* block = state ? Cell::kStateBlock : Cell::kInputBlock;
    for (int i = 0; i < count;) {
      const int height = tile_rows(count - i);
      for (int group = mask_gate ? 0 : -1; group < (mask_gate ? gates : 0); ++group) {
        for (int m = 0; m < height; ++m) {
          for (int v = 0; v < kPanelVecs; ++v) {
            store(tile + m * kPanelLanes<T> + v * kLanes<T>, Vec<T>{});
          }
        }
        product(q, state, rows + i, height, group, tile);
        for (int m = 0; m < height; ++m) {
          const T* mask = mask_row(i + m);
          if (mask && group > 0) mask += block[first + group] * mask_gate;
          if (mask && group == 0) mask += block[first] * mask_gate;
          put(to[i + m], tile + m * kPanelLanes<T>, out, mask, !state && group <= 0);
        }
      }
      i += height;
    }
  }

  void start(const Division& part) const {
    const int hidden = geo_.hidden;
    for (int n = part.rows.begin; n < part.rows.end; ++n) {
      const size_t row = static_cast<size_t>(n) * hidden;
      if (args_.dh_n) copy(dh_ + row, args_.dh_n + row, part.units);
      else clear(dh_ + row, part.units);
      clear(args_.dh0 + row, part.units);
      if (seq_.mask) clear(carried_ + row, part.units);
      if (!Cell::kHasMemory) continue;
      if (args_.dc_n) copy(dc_ + row, args_.dc_n + row, part.units);
      else clear(dc_ + row, part.units);
      clear(args_.dc0 + row, part.units);
    }
  }

  // What is left in dh_ and dc_ of row n belongs to its initial state.
  void to_initial(int n, Span units) const {
    const size_t row = static_cast<size_t>(n) * geo_.hidden;
    add(args_.dh0 + row, dh_ + row, units);
    clear(dh_ + row, units);
    if (!Cell::kHasMemory) return;
    add(args_.dc0 + row, dc_ + row, units);
    clear(dc_ + row, units);
  }

  void finish(const Division& part) const {
    for (int n = part.rows.begin; n < part.rows.end; ++n) to_initial(n, part.units);
  }

  void back_step(int s, int in_chunk, const Division& part, const Team& team) const {
    const int hidden = geo_.hidden;
    const int t = time(s);
    const int p0 = part.units.begin / geo_.panels.width();
    const int p1 = (part.units.end + geo_.panels.width() - 1) / geo_.panels.width();
    const T** rows = members_[team.rank()].rows;
    int* slots = members_[team.rank()].batch;
    int count = 0;
    for (int n = part.rows.begin; n < part.rows.end; ++n) {
      const size_t at = (static_cast<size_t>(n) * seq_.steps + t) * hidden;
      const size_t row = static_cast<size_t>(n) * hidden;
      const int r = in_chunk * seq_.batch + n;
      if (!active(n, t)) {
        if (args_.dy) add(carried_ + row, args_.dy + at, part.units);
        for (int p = p0; p < p1; ++p) clear(dsums_row(p, r), {0, kPanelLanes<T>});
        continue;
      }
      if (args_.dy) add(dh_ + row, args_.dy + at, part.units);
      if (seq_.mask && args_.dy) {
        add(dh_ + row, carried_ + row, part.units);
        clear(carried_ + row, part.units);
      }
      const BackwardRow<T> cell{
          h_before(n, t), c_before(n, t), seq_.y + at, dh_ + row,
          Cell::kHasMemory ? dc_ + row : nullptr,
          zoneout_row(seq_.zoneout_h, seq_.zoneout_h_batch, seq_.zoneout_h_step, n, t),
          zoneout_row(seq_.zoneout_c, seq_.zoneout_c_batch, seq_.zoneout_c_step, n, t)};
      const T* saved = saved_row(n, t, in_chunk);
      for (int p = p0; p < p1; ++p) {
        if (usual_) {
          apply<true>(geo_.panels[p], saved, cell, dsums_row(p, r));
        } else {
          apply<false>(geo_.panels[p], saved, cell, dsums_row(p, r));
        }
      }
      rows[count] = dsums_row(0, r);
      slots[count++] = n;
    }
    if (part.by_units) team.barrier();
    const int q0 = part.units.begin / hidden_panels_.width();
    const int q1 = (part.units.end + hidden_panels_.width() - 1) / hidden_panels_.width();
    for (int q = q0; q < q1; ++q) {
      state_product(q, rows, slots, count);
    }
    if (seq_.reset) {
      for (int n = part.rows.begin; n < part.rows.end; ++n) {
        if (seq_.reset[static_cast<size_t>(n) * seq_.steps + t]) to_initial(n, part.units);
      }
    }
  }

  void state_product(int q, const T* const* rows, const int* slots, int count) const {
    for (int i = 0; i < count; i += kBatchOfRows) {
      const int n = count - i < kBatchOfRows ? count - i : kBatchOfRows;
      T* to[kBatchOfRows];
      for (int m = 0; m < n; ++m) to[m] = dh_ + static_cast<size_t>(slots[i + m]) * geo_.hidden;
      rows_product(q, true, rows + i, n, to, seq_.h_mask ? seq_.h_mask_gate : 0, [&](int m) {
        return seq_.h_mask ? seq_.h_mask + slots[i + m] * seq_.h_mask_batch : nullptr;
      });
    }
  }

  template <bool kUsual>
  FASTRNN_INLINE void apply(const Panel& p, const T* saved, const BackwardRow<T>& row,
                            T* dsums) const {
    if (saved) saved += p.unit0 * Cell::kSaved;
    for (int j = 0; j < p.units; j += kLanes<T>) {
      const T* kept = saved ? saved + j : nullptr;
      if (p.units - j >= kLanes<T>) {
        const Units<T, true> units{p.unit0 + j, kLanes<T>};
        Cell::template backward<T, kUsual, true>(context_, units, kept, p.units, row, dsums + j,
                                                 p.stride);
      } else {
        const Units<T, false> units{p.unit0 + j, p.units - j};
        Cell::template backward<T, kUsual, false>(context_, units, kept, p.units, row, dsums + j,
                                                  p.stride);
      }
    }
  }

  // Recompute: the chunk's gates, from saved states, for all its steps at once.
  void rebuild(int begin, int end, const Division& part, const Team& team) const {
    const Step<T, Cell> step(*packed_, seq_);
    StepRows<T> rows = members_[team.rank()].step;
    rows.count = 0;
    for (int s = begin; s < end; ++s) {
      const int t = time(s);
      for (int n = part.rows.begin; n < part.rows.end; ++n) {
        if (!active(n, t)) continue;
        const int i = rows.count++;
        rows.x[i] = seq_.x + n * seq_.x_batch + t * seq_.x_step;
        rows.h[i] = h_before(n, t);
        rows.cell[i] = {rows.h[i], c_before(n, t), nullptr, nullptr, nullptr, nullptr};
        rows.saved[i] = saved_row(n, t, s - begin);
        if (rows.x_mask) rows.x_mask[i] = seq_.x_mask + n * seq_.x_mask_batch;
        if (rows.h_mask) rows.h_mask[i] = seq_.h_mask + n * seq_.h_mask_batch;
      }
    }
    const int width = geo_.panels.width();
    step.run(part.units.begin / width, (part.units.end + width - 1) / width, rows,
             members_[team.rank()].scratch);
  }

  // For each row of dsums_: where the factors of its outer products lie, null where masked.
  void list_rows(int begin, int end, const Team& team) const {
    int n0, n1;
    team.share(seq_.batch, 1, &n0, &n1);
    for (int s = begin; s < end; ++s) {
      const int t = time(s);
      for (int n = n0; n < n1; ++n) {
        const int r = (s - begin) * seq_.batch + n;
        const bool here = active(n, t);
        x_rows_[r] = here ? seq_.x + n * seq_.x_batch + t * seq_.x_step : nullptr;
        h_rows_[r] = here ? h_before(n, t) : nullptr;
        c_rows_[r] = here ? c_before(n, t) : nullptr;
        saved_rows_[r] = here ? saved_row(n, t, s - begin) : nullptr;
        batch_of_[r] = n;
      }
    }
  }

  // dW += x^T dsums, dR += h_prev^T dsums, dbias += the sum of dsums' rows.
  void weight_gradients(int rows, bool first, const Team& team) const {
    const bool x_groups = seq_.x_mask && seq_.x_mask_gate;
    const bool h_groups = seq_.h_mask && seq_.h_mask_gate;
    T* h_columns = columns_ + static_cast<size_t>(column_tiles(geo_.input)) * kMaxRows * chunk_rows_;
    const ptrdiff_t stride = static_cast<ptrdiff_t>(Cell::kBlocks) * geo_.hidden;
    const int groups = x_groups || h_groups ? Cell::kBlocks : 1;
    for (int group = 0; group < groups; ++group) {
      if (group > 0) team.barrier();
      const bool input = group == 0 || x_groups;
      const bool state = group == 0 || h_groups;
      if (input) {
        pack_columns(x_rows_, rows, geo_.input, seq_.x_mask ? batch_of_ : nullptr,
                     seq_.x_mask + (x_groups ? group * seq_.x_mask_gate : 0), seq_.x_mask_batch,
                     chunk_rows_, columns_, team);
      }
      if (state) {
        pack_columns(h_rows_, rows, geo_.hidden, seq_.h_mask ? batch_of_ : nullptr,
                     seq_.h_mask + (h_groups ? group * seq_.h_mask_gate : 0), seq_.h_mask_batch,
                     chunk_rows_, h_columns, team);
      }
      team.barrier();
      const int tiles = (input ? column_tiles(geo_.input) : 0) + (state ? column_tiles(geo_.hidden) : 0);
      int begin, end;
      team.share(tiles * geo_.panels.count(), 1, &begin, &end);
      for (int i = begin; i < end; ++i) {
        const int p = i / tiles;
        int tile = i % tiles;
        const bool x_tile = input && tile < column_tiles(geo_.input);
        if (!x_tile && input) tile -= column_tiles(geo_.input);
        const int only = (x_tile ? x_groups : h_groups) ? group : -1;
        outer_tile(p, tile, rows, first, x_tile, only, x_tile ? columns_ : h_columns,
                   x_tile ? args_.dkernel : args_.drecurrent, stride);
      }
    }
    int begin, end;
    team.share(geo_.panels.count(), 1, &begin, &end);
    for (int p = begin; p < end; ++p) {
      if (args_.dbias) bias_gradient(p, rows, first, stride);
      if constexpr (Cell::kHasMemory) {
        if (args_.dpeephole) peephole_gradient(p, rows, first);
      }
    }
  }

  // One tile of features by the columns of panel p; `only`: a single block of gates, or -1.
  void outer_tile(int p, int tile, int rows, bool first, bool input, int only, const T* columns,
                  T* out, ptrdiff_t stride) const {
    alignas(64) T sums[(kMaxRows + 1) * kPanelLanes<T>];
    const Panel panel = geo_.panels[p];
    const int features = input ? geo_.input : geo_.hidden;
    const int feature = tile * kMaxRows;
    const int height = features - feature < kMaxRows ? features - feature : kMaxRows;
    const int* block = input ? Cell::kInputBlock : Cell::kStateBlock;
    const T* a = columns + static_cast<size_t>(feature) * chunk_rows_;
    const bool aligned = geo_.aligned(panel);
    int gate0 = 0, gates = Cell::kGates;
    if (aligned) {
      gate0 = input ? Cell::kInputFirst : Cell::kStateFirst;
      gates = input ? Cell::kInputGates : Cell::kStateGates;
    }
    if (only >= 0) {
      while (block[gate0] != only) ++gate0;
      gates = 1;
    }
    const int lane0 = aligned ? gate0 * panel.stride : 0;
    const int vecs = aligned ? gates * panel.stride / kLanes<T> : panel.vecs;
    for (int m = 0; m < height; ++m) {
      for (int v = 0; v < vecs; ++v) store(sums + m * kPanelLanes<T> + v * kLanes<T>, Vec<T>{});
    }
    const Segment<T> segment{&a, 0, rows, dsums_row(p, 0) + lane0, kPanelLanes<T>};
    tile_fn<T, RowForm::kPacked>(height, vecs)(&segment, 1, nullptr, 0, sums);
    for (int m = 0; m < height; ++m) {
      T* row = out + (feature + m) * stride + panel.unit0;
      for (int g = gate0; g < gate0 + gates; ++g) {
        if (block[g] < 0) continue;
        accumulate_row(row + block[g] * geo_.hidden,
                       sums + m * kPanelLanes<T> + g * panel.stride - lane0, panel.units, first);
      }
    }
  }

  static void accumulate_row(T* to, const T* from, int count, bool first) {
    for (int j = 0; j < count; j += kLanes<T>) {
      const int n = count - j < kLanes<T> ? count - j : kLanes<T>;
      Vec<T> v = load(from + j);
      if (!first) v += load_n(to + j, n);
      store_n(to + j, v, n);
    }
  }

  void bias_gradient(int p, int rows, bool first, ptrdiff_t stride) const {
    const Panel panel = geo_.panels[p];
    alignas(64) T sums[2 * kPanelLanes<T>];
    Vec<T> total[kPanelVecs] = {};
    const T* row = dsums_row(p, 0);
    for (int r = 0; r < rows; ++r, row += kPanelLanes<T>) {
      for (int v = 0; v < kPanelVecs; ++v) total[v] += load(row + v * kLanes<T>);
    }
    for (int v = 0; v < kPanelVecs; ++v) store(sums + v * kLanes<T>, total[v]);
    for (int g = 0; g < Cell::kGates; ++g) {
      const T* from = sums + g * panel.stride;
      if (Cell::kInputBlock[g] >= 0) {
        accumulate_row(args_.dbias + Cell::kInputBlock[g] * geo_.hidden + panel.unit0, from,
                       panel.units, first);
      }
      if (Cell::kStateFirst > 0 && Cell::kStateBlock[g] >= 0) {
        accumulate_row(args_.dbias + stride + Cell::kStateBlock[g] * geo_.hidden + panel.unit0,
                       from, panel.units, first);
      }
    }
  }

  // i and f look at c before the step, o at c after it (without zoneout: rebuilt from the gates).
  void peephole_gradient(int p, int rows, bool first) const {
    const Panel panel = geo_.panels[p];
    const int stride = panel.stride;
    for (int j = 0; j < panel.units; ++j) {
      const int unit = panel.unit0 + j;
      T sum_i = 0, sum_f = 0, sum_o = 0;
      for (int r = 0; r < rows; ++r) {
        if (!c_rows_[r]) continue;
        const T* d = dsums_row(p, r) + j;
        const T* gates = saved_rows_[r] + panel.unit0 * Cell::kSaved + j;
        const T c_prev = c_rows_[r][unit];
        const T c = gates[panel.units] * c_prev + gates[0] * gates[2 * panel.units];
        sum_i += d[0] * c_prev;
        sum_f += d[stride] * c_prev;
        sum_o += d[3 * stride] * c;
      }
      T* to = args_.dpeephole + unit;
      const int hidden = geo_.hidden;
      to[0] = first ? sum_i : to[0] + sum_i;
      to[hidden] = first ? sum_f : to[hidden] + sum_f;
      to[2 * hidden] = first ? sum_o : to[2 * hidden] + sum_o;
    }
  }

  void input_gradient(int begin, int end, const Team& team) const {
    const int rows = (end - begin) * seq_.batch;
    const int blocks = (rows + kBatchOfRows - 1) / kBatchOfRows;
    int first, last;
    team.share(blocks * input_panels_.count(), 1, &first, &last);
    for (int i = first; i < last; ++i) {
      const int q = i / blocks;
      const int r0 = i % blocks * kBatchOfRows;
      const int count = rows - r0 < kBatchOfRows ? rows - r0 : kBatchOfRows;
      const T* from[kBatchOfRows];
      T* to[kBatchOfRows];
      for (int m = 0; m < count; ++m) {
        const int t = time(begin + (r0 + m) / seq_.batch);
        const int n = (r0 + m) % seq_.batch;
        from[m] = dsums_row(0, r0 + m);
        to[m] = args_.dx + (static_cast<size_t>(n) * seq_.steps + t) * geo_.input;
      }
      rows_product(q, false, from, count, to, seq_.x_mask ? seq_.x_mask_gate : 0, [&](int m) {
        return seq_.x_mask ? seq_.x_mask + (r0 + m) % seq_.batch * seq_.x_mask_batch : nullptr;
      });
    }
  }

  static constexpr int kBatchOfRows = 8 * kMaxRows;

  const RecurrentBackward<T>& args_;
  const RecurrentSequence<T>& seq_;
  Geometry<T, Cell> geo_;
  CellContext<T> context_;
  bool usual_;
  PanelSet<T> hidden_panels_;  // output columns of dsums R^T
  PanelSet<T> input_panels_;   // and of dsums W^T
  const PackedRecurrent<T>* packed_;  // forward's weights, to recompute the gates; or null
  int chunk_;
  int chunk_rows_;
  T* state_weights_ = nullptr;  // R^T: [panel of units][dsums' columns][lanes]
  T* input_weights_ = nullptr;  // W^T
  T* dh_ = nullptr;             // (N, H): gradient of the state between two steps
  T* dc_ = nullptr;
  T* carried_ = nullptr;        // (N, H): dy of masked steps, for the output that they repeat
  T* dsums_ = nullptr;          // [panel][row of the chunk][lanes]
  const T** x_rows_ = nullptr;  // per row of the chunk
  const T** h_rows_ = nullptr;
  const T** c_rows_ = nullptr;
  const T** saved_rows_ = nullptr;
  int* batch_of_ = nullptr;
  T* columns_ = nullptr;        // x and h_prev by column
  T* rebuilt_ = nullptr;        // recompute: the chunk's gates
  Member* members_ = nullptr;
};

template <class T, class Cell>
void backward(const RecurrentConfig& config, const RecurrentBackward<T>& args) {
  PackedRecurrent<T> packed;
  const bool recompute = !args.seq.saved && Cell::kBlocks > 1;
  if (recompute) pack_recurrent(config, args.weights, &packed);
  BackwardRun<T, Cell> run(config, args, recompute ? &packed : nullptr);
  const double work = 4.0 * args.seq.batch * args.seq.steps * (config.input + config.hidden) *
                      config.hidden * Cell::kBlocks;
  const int threads = team_for(work);
  const Buffer memory(run.scratch_size(threads));
  run.use(memory.bytes(), threads);
  run_team(threads, run);
}

template <class Cell>
constexpr BackwardTable kTable = {backward<float, Cell>, backward<double, Cell>};

}  // namespace

const BackwardTable* backward_table(CellKind cell) {
  switch (cell) {
    case CellKind::kRnn: return &kTable<RnnCell>;
    case CellKind::kGru: return &kTable<GruCell>;
    case CellKind::kLstm: return &kTable<LstmCell>;
    default: return nullptr;
  }
}

FASTRNN_ISA_END
