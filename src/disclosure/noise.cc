#include "disclosure/noise.h"

#include <limits>

#include "base/result.h"
#include "base/secret.h"

namespace holdfast::disclosure {

Noise::~Noise() { wipe(drawn_.data(), sizeof drawn_); }

/// Asking the kernel costs more than all else here, so many are drawn at once; none is left lying after its use.
std::uint64_t Noise::word() {
  if (next_ == drawn_.size()) {
    random_bytes(drawn_.data(), sizeof drawn_);
    next_ = 0;
  }
  const std::uint64_t out = drawn_[next_];
  drawn_[next_++] = 0;
  return out;
}

std::uint64_t Noise::below(std::uint64_t bound) {
  HF_ASSERT(bound > 0);
  // The words above the last whole multiple of `bound` would favour the small numbers.
  const std::uint64_t excess = (std::numeric_limits<std::uint64_t>::max() % bound + 1) % bound;
  for (;;) {
    const std::uint64_t drawn = word();
    if (drawn <= std::numeric_limits<std::uint64_t>::max() - excess) return drawn % bound;
  }
}

/// Algorithm 1 of the paper: with γ = num/den, draws of probability γ/1, γ/2, γ/3 … until one fails; the number of
/// those that did not is even with probability exp(-γ).
bool Noise::exp_minus(std::uint64_t num, std::uint64_t den) {
  std::uint64_t k = 1;
  while (below(den) < num && below(k) == 0) ++k;  // γ/k, as the product of γ and 1/k
  return k % 2 == 1;
}

std::int64_t Noise::laplace(std::uint64_t t, std::uint64_t s) {
  HF_ASSERT(t > 0 && t <= kScaleMax && s > 0 && s <= kScaleMax);
  for (;;) {
    const std::uint64_t u = below(t);
    if (!exp_minus(u, t)) continue;
    std::uint64_t v = 0;
    while (exp_minus(1, 1)) ++v;
    if (v > 100) continue;  // with a probability of 1e-44; else nothing below overflows
    const std::uint64_t size = (u + t * v) / s;
    const bool negative = (word() & 1) != 0;
    if (negative && size == 0) continue;
    return negative ? -static_cast<std::int64_t>(size) : static_cast<std::int64_t>(size);
  }
}

}  // namespace holdfast::disclosure
