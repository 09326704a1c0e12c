#pragma once

#include <cstdint>
#include <cstring>
#ifdef __wasm_simd128__
#include <wasm_simd128.h>
#endif

// 64 numbers at a time, four or eight to an instruction: in WebAssembly's SIMD as on the processor itself.
namespace shortvideo {

inline constexpr int kFactors = 64;

typedef float Four __attribute__((vector_size(16)));

struct alignas(16) Vector {
  Four lanes[kFactors / 4] = {};
  float& operator[](int i) { return reinterpret_cast<float*>(lanes)[i]; }
  float operator[](int i) const { return reinterpret_cast<const float*>(lanes)[i]; }
};

inline float dot(const Vector& a, const Vector& b) {
  Four sum[4] = {};
  for (int i = 0; i < kFactors / 4; i += 4) {
    for (int k = 0; k < 4; ++k) sum[k] += a.lanes[i + k] * b.lanes[i + k];
  }
  const Four all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  return (all[0] + all[1]) + (all[2] + all[3]);
}

/// to += by * v
inline void add(Vector& to, float by, const Vector& v) {
  const Four all = {by, by, by, by};
  for (int i = 0; i < kFactors / 4; ++i) to.lanes[i] += all * v.lanes[i];
}

/// 64 × 64, symmetric.
struct Matrix {
  Vector rows[kFactors];
  Vector times(const Vector& v) const {
    Vector out;
    for (int i = 0; i < kFactors; ++i) add(out, v[i], rows[i]);
    return out;
  }
  /// += v vᵀ
  void add_outer(const Vector& v) {
    for (int i = 0; i < kFactors; ++i) add(rows[i], v[i], v);
  }
};

/// The sum of 64 products of a byte and a short.
inline std::int32_t dot(const std::int8_t* bytes, const std::int16_t* shorts) {
#ifdef __wasm_simd128__
  v128_t sum = wasm_i32x4_splat(0);
  for (int i = 0; i < kFactors; i += 8) {
    sum = wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(wasm_i16x8_load8x8(bytes + i), wasm_v128_load(shorts + i)));
  }
  return wasm_i32x4_extract_lane(sum, 0) + wasm_i32x4_extract_lane(sum, 1) + wasm_i32x4_extract_lane(sum, 2) +
         wasm_i32x4_extract_lane(sum, 3);
#else
  std::int32_t sum = 0;
  for (int i = 0; i < kFactors; ++i) sum += bytes[i] * shorts[i];
  return sum;
#endif
}

/// What one looked at, and how much that says.
struct Liking {
  std::uint32_t what = 0;
  float weight = 0;  ///< above 0
};

/// The vector x that explains the likings best: least (Σ over all videos) of (liked? - x·y)², in which what was looked
/// at counts 1 + weight, the rest 1; plus the regularisation that is in `gram` (Hu, Koren, Volinsky 2008). Three steps
/// of conjugate gradients from `x` (Takács, Pilászy, Tikk 2011) come close enough. `vector_of(what)` answers y.
template <class VectorOf>
void explain(Vector& x, const Liking* likings, std::size_t count, const Matrix& gram, VectorOf vector_of) {
  const auto apply = [&](const Vector& v) {
    Vector out = gram.times(v);
    for (std::size_t i = 0; i < count; ++i) {
      const Vector& y = vector_of(likings[i].what);
      add(out, likings[i].weight * dot(y, v), y);
    }
    return out;
  };
  Vector residual;
  for (std::size_t i = 0; i < count; ++i) add(residual, 1 + likings[i].weight, vector_of(likings[i].what));
  add(residual, -1, apply(x));
  Vector direction = residual;
  float before = dot(residual, residual);
  for (int step = 0; step < 3 && before > 1e-12f; ++step) {
    const Vector applied = apply(direction);
    const float along = before / dot(direction, applied);
    add(x, along, direction);
    add(residual, -along, applied);
    const float after = dot(residual, residual);
    Vector next = residual;
    add(next, after / before, direction);
    direction = next;
    before = after;
  }
}

}  // namespace shortvideo
