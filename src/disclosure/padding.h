#pragma once

#include <algorithm>
#include <cstddef>

namespace holdfast::disclosure {

inline constexpr std::size_t kPaddedBytesMin = 1024;

/// To how many bytes a sealed module's answer of `size` is padded, where `most` may leave (`size` is within that):
/// 1 KiB, doubled until it fits, and `most` instead of anything beyond. So lengths say no more than which of these.
constexpr std::size_t padded_size(std::size_t size, std::size_t most) {
  std::size_t out = kPaddedBytesMin;
  while (out < size) out *= 2;
  return std::min(out, most);
}

}  // namespace holdfast::disclosure
