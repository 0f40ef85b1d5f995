// fastrnn.h's recurrent functions, for the machine's instruction set.
#include "cpu/tables.h"
#include "dispatch.h"

namespace fastrnn {
FASTRNN_DISPATCH(ForwardTable, forward_table, (CellKind cell), (cell))
FASTRNN_DISPATCH(BackwardTable, backward_table, (CellKind cell), (cell))

CellInfo cell_info(CellKind cell) { return forward_table(cell)->info; }

template <class T>
void pack_recurrent(const RecurrentConfig& config, const RecurrentWeights<T>& weights,
                    PackedRecurrent<T>* out) {
  functions<T>(forward_table(config.cell)).pack(config, weights, out);
}

template <class T>
void recurrent_forward(const PackedRecurrent<T>& packed, const RecurrentForward<T>& args) {
  functions<T>(forward_table(packed.config.cell)).forward(packed, args);
}

template <class T>
void recurrent_backward(const RecurrentConfig& config, const RecurrentBackward<T>& args) {
  functions<T>(backward_table(config.cell)).backward(config, args);
}

#define FASTRNN_INSTANTIATE(T)                                                               \
  template void pack_recurrent<T>(const RecurrentConfig&, const RecurrentWeights<T>&,        \
                                  PackedRecurrent<T>*);                                      \
  template void recurrent_forward<T>(const PackedRecurrent<T>&, const RecurrentForward<T>&); \
  template void recurrent_backward<T>(const RecurrentConfig&, const RecurrentBackward<T>&);
FASTRNN_INSTANTIATE(float)
FASTRNN_INSTANTIATE(double)
#undef FASTRNN_INSTANTIATE

}  // namespace fastrnn
