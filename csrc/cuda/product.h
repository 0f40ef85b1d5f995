// The recurrent product inside a persistent kernel: a warp multiplies 8 rows (sequences) by tiles
// of 16 columns, 32 terms of the sum at a time.
//
// Lane 4 g + q always has the terms 8 q ... 8 q + 7 of these 32, and of the weights the columns g
// and g + 8. The tensor cores' fragments name other terms, but a sum doesn't care which is which as
// long as both factors agree; like this a lane's share of either factor is contiguous.
#pragma once

#include <type_traits>

#include "cuda/mma.h"

namespace fastrnn::cuda {

constexpr int kTileColumns = 16, kTileRows = 8, kTileDepth = 32;
constexpr int kTileSize = kTileColumns * kTileDepth;

// A lane's share of a tile of weights: [column g or g + 8][its eight terms].
template <class S>
struct alignas(16) Fragment {
  static constexpr int kWords = 4 * sizeof(S);
  std::uint32_t word[kWords];
};

// In shared memory a tile lies in pieces of 16 bytes, a lane's beside its neighbours'.
template <class S>
FASTRNN_KERNEL void store_fragment(S* tile, int lane, const Fragment<S>& f) {
  FASTRNN_UNROLL
  for (int p = 0; p < Fragment<S>::kWords / 4; ++p) {
    memcpy(reinterpret_cast<char*>(tile) + (p * kWarp + lane) * 16, f.word + 4 * p, 16);
  }
}

struct alignas(16) Words4 {
  std::uint32_t word[4];
};

template <class S>
FASTRNN_KERNEL Fragment<S> load_fragment(const S* tile, int lane) {
  Fragment<S> f;
  FASTRNN_UNROLL
  for (int p = 0; p < Fragment<S>::kWords / 4; ++p) {
    const Words4 piece = reinterpret_cast<const Words4*>(tile)[p * kWarp + lane];
    FASTRNN_UNROLL
    for (int i = 0; i < 4; ++i) f.word[4 * p + i] = piece.word[i];
  }
  return f;
}

// A lane's eight terms of one row.
template <class S>
struct Terms {
  std::uint32_t word[2 * sizeof(S)];
};

template <class S>
FASTRNN_KERNEL Terms<S> load_terms(const S* row, int q) {
  Terms<S> t;
  FASTRNN_UNROLL
  for (int p = 0; p < static_cast<int>(sizeof(S)) / 2; ++p) {
    const Words4 piece = reinterpret_cast<const Words4*>(row + 8 * q)[p];
    FASTRNN_UNROLL
    for (int i = 0; i < 4; ++i) t.word[4 * p + i] = piece.word[i];
  }
  return t;
}

// Each kind of product has
//   S          the factors' type
//   kSums      sums a lane keeps of a tile
//   kHeld      words of weights a lane keeps in registers
//   kCapability   of the GPU that it needs
//   multiply   sums += tiles' weights times 32 terms of 8 rows, which lie `stride` apart
//   finish     a tile's sums as mma.h lays them out

// True float32. A lane sums its own terms for all 8 rows; in the end four lanes add theirs up.
struct FloatProduct {
  using S = float;
  static constexpr int kSums = 16;
  static constexpr int kHeld = 96;
  static constexpr int kCapability = 75;

  template <int kTiles>
  static FASTRNN_KERNEL void multiply(Lanes<float[kTiles][kSums]>& sums,
                                      const Lanes<Fragment<float>> (&weights)[kTiles],
                                      const float* rows, int stride, int) {
    FASTRNN_LANES(l) {
      FASTRNN_UNROLL
      for (int r = 0; r < kTileRows; ++r) {
        const Terms<float> h = load_terms(rows + r * stride, lane_number(l) % 4);
        FASTRNN_UNROLL
        for (int k = 0; k < 8; ++k) {
          FASTRNN_UNROLL
          for (int tile = 0; tile < kTiles; ++tile) {
            FASTRNN_UNROLL
            for (int c = 0; c < 2; ++c) {
              sums[l][tile][c * 8 + r] +=
                  float_of(weights[tile][l].word[c * 8 + k]) * float_of(h.word[k]);
            }
          }
        }
      }
    }
  }

  // Halves change hands between lanes whose q differs in one bit; each keeps the rows of its q.
  template <int kTiles>
  static FASTRNN_KERNEL void finish(const Lanes<float[kTiles][kSums]>& sums, int tile,
                                    Lanes<Quad>& d) {
    FASTRNN_UNROLL
    for (int c = 0; c < 2; ++c) {
      Lanes<float> four[4], sent;
      FASTRNN_UNROLL
      for (int r = 0; r < 4; ++r) {
        FASTRNN_LANES(l) {
          const bool upper = lane_number(l) & 2;
          const float low = sums[l][tile][c * 8 + r], high = sums[l][tile][c * 8 + r + 4];
          four[r][l] = upper ? high : low;
          sent[l] = upper ? low : high;
        }
        exchange_lanes(sent, 2);
        FASTRNN_LANES(l) four[r][l] += sent[l];
      }
      FASTRNN_UNROLL
      for (int r = 0; r < 2; ++r) {
        FASTRNN_LANES(l) {
          const bool upper = lane_number(l) & 1;
          d[l][2 * c + r] = upper ? four[r + 2][l] : four[r][l];
          sent[l] = upper ? four[r][l] : four[r + 2][l];
        }
        exchange_lanes(sent, 1);
        FASTRNN_LANES(l) d[l][2 * c + r] += sent[l];
      }
    }
  }
};

// What the tensor cores' products share: a lane reads the row of its g.
template <class Type>
struct MmaProduct {
  using S = Type;
  static constexpr int kSums = 4;

  template <int kTiles>
  static FASTRNN_KERNEL void finish(const Lanes<float[kTiles][kSums]>& sums, int tile,
                                    Lanes<Quad>& d) {
    FASTRNN_LANES(l) {
      FASTRNN_UNROLL
      for (int e = 0; e < 4; ++e) d[l][e] = sums[l][tile][e];
    }
  }

 protected:
  template <int kTiles>
  static FASTRNN_KERNEL void get(const Lanes<float[kTiles][kSums]>& sums, int tile,
                                 Lanes<Quad>& d) {
    finish<kTiles>(sums, tile, d);
  }
  template <int kTiles>
  static FASTRNN_KERNEL void put(Lanes<float[kTiles][kSums]>& sums, int tile,
                                 const Lanes<Quad>& d) {
    FASTRNN_LANES(l) {
      FASTRNN_UNROLL
      for (int e = 0; e < 4; ++e) sums[l][tile][e] = d[l][e];
    }
  }
  static FASTRNN_KERNEL void load_rows(const S* rows, int stride, Lanes<Terms<S>>& h) {
    FASTRNN_LANES(l) {
      const int lane = lane_number(l);
      h[l] = load_terms(rows + lane / 4 * stride, lane % 4);
    }
  }
};

// bfloat16 and float16: two products of 16 terms.
template <class Type>
struct HalfProduct : MmaProduct<Type> {
  using Base = MmaProduct<Type>;
  static constexpr int kHeld = 128;
  static constexpr int kCapability = std::is_same_v<Type, Half> ? 75 : 80;

  template <int kTiles>
  static FASTRNN_KERNEL void multiply(Lanes<float[kTiles][Base::kSums]>& sums,
                                      const Lanes<Fragment<Type>> (&weights)[kTiles],
                                      const Type* rows, int stride, int) {
    Lanes<Terms<Type>> h;
    Base::load_rows(rows, stride, h);
    FASTRNN_UNROLL
    for (int s = 0; s < 2; ++s) {
      Lanes<std::uint32_t[2]> b;
      FASTRNN_LANES(l) {
        b[l][0] = h[l].word[2 * s];
        b[l][1] = h[l].word[2 * s + 1];
      }
      FASTRNN_UNROLL
      for (int tile = 0; tile < kTiles; ++tile) {
        Lanes<std::uint32_t[4]> a;
        FASTRNN_LANES(l) {
          const auto& word = weights[tile][l].word;
          a[l][0] = word[2 * s];
          a[l][1] = word[4 + 2 * s];
          a[l][2] = word[2 * s + 1];
          a[l][3] = word[4 + 2 * s + 1];
        }
        Lanes<Quad> d;
        Base::template get<kTiles>(sums, tile, d);
        mma16<Type>(d, a, b);
        Base::template put<kTiles>(sums, tile, d);
      }
    }
  }
};

// TF32: four products of 8 terms. In three parts a factor is the sum of two TF32 numbers, and only
// the product of the two small ones is left out.
struct Tf32Product : MmaProduct<float> {
  static constexpr int kHeld = 96;
  static constexpr int kCapability = 80;

  template <int kTiles>
  static FASTRNN_KERNEL void multiply(Lanes<float[kTiles][kSums]>& sums,
                                      const Lanes<Fragment<float>> (&weights)[kTiles],
                                      const float* rows, int stride, int parts) {
    Lanes<Terms<float>> h;
    load_rows(rows, stride, h);
    FASTRNN_UNROLL
    for (int s = 0; s < 4; ++s) {
      Lanes<std::uint32_t[2]> b, b_rest;
      FASTRNN_LANES(l) {
        FASTRNN_UNROLL
        for (int i = 0; i < 2; ++i) {
          split(h[l].word[2 * s + i], parts, &b[l][i], &b_rest[l][i]);
        }
      }
      FASTRNN_UNROLL
      for (int tile = 0; tile < kTiles; ++tile) {
        Lanes<std::uint32_t[4]> a, a_rest;
        FASTRNN_LANES(l) {
          FASTRNN_UNROLL
          for (int i = 0; i < 4; ++i) {
            split(weights[tile][l].word[i % 2 * 8 + 2 * s + i / 2], parts, &a[l][i], &a_rest[l][i]);
          }
        }
        Lanes<Quad> d;
        get<kTiles>(sums, tile, d);
        if (parts == 3) {
          mma_tf32(d, a_rest, b);
          mma_tf32(d, a, b_rest);
        }
        mma_tf32(d, a, b);
        put<kTiles>(sums, tile, d);
      }
    }
  }

 private:
  static FASTRNN_KERNEL void split(std::uint32_t word, int parts, std::uint32_t* large,
                                   std::uint32_t* rest) {
    *large = to_tf32(float_of(word));
    *rest = parts == 3 ? to_tf32(float_of(word) - float_of(*large)) : 0;
  }
};

}  // namespace fastrnn::cuda
