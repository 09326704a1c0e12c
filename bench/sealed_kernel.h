#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "vector.h"

// What a ranker spends its time with: 1000 items of 64 factors against one taste, and the best 20 of them. The same
// text is compiled for this machine and for a sealed module.
namespace holdfast::bench {

struct Ranking {
  static constexpr int kItems = 1000, kBest = 20;
  alignas(16) std::int8_t factors[kItems * shortvideo::kFactors];
  alignas(16) std::int16_t taste[shortvideo::kFactors];

  Ranking() {
    std::uint32_t state = 1;
    const auto next = [&state] { return state = state * 1664525u + 1013904223u; };
    for (auto& each : factors) each = static_cast<std::int8_t>(next() >> 24);
    for (auto& each : taste) each = static_cast<std::int16_t>(next() >> 19);
  }

  /// One ranking; what it answers depends on all of it, and the next one on what it answers.
  std::uint32_t rank(std::uint32_t before) {
    taste[before % shortvideo::kFactors] = static_cast<std::int16_t>(before & 0x1fff);
    std::int64_t scored[kItems];
    for (int i = 0; i < kItems; ++i) {
      scored[i] = (std::int64_t{-shortvideo::dot(factors + i * shortvideo::kFactors, taste)} << 16) + i;
    }
    std::nth_element(scored, scored + kBest, scored + kItems);
    std::uint32_t out = before;
    // In any order: two libraries leave the best ones in different ones.
    for (int i = 0; i < kBest; ++i) out += (static_cast<std::uint32_t>(scored[i] & 0xffff) + 1) * 2654435761u;
    return out;
  }

  std::uint32_t rank_many(std::uint32_t times) {
    std::uint32_t out = 1;
    for (std::uint32_t i = 0; i < times; ++i) out = rank(out);
    return out;
  }
};

}  // namespace holdfast::bench
