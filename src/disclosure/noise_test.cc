#include "disclosure/noise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace holdfast::disclosure {
namespace {

constexpr int kDraws = 200'000;

/// So far off by chance once in some 10^9 times.
double six_sigma(double probability) { return 6 * std::sqrt(kDraws * probability * (1 - probability)) + 1; }

TEST(Noise, BelowIsEven) {
  Noise noise;
  std::map<std::uint64_t, int> seen;
  for (int i = 0; i < kDraws; ++i) ++seen[noise.below(7)];
  ASSERT_EQ(seen.size(), 7u);
  for (const auto& [number, times] : seen) EXPECT_NEAR(times, kDraws / 7.0, six_sigma(1 / 7.0)) << number;
  EXPECT_EQ(noise.below(1), 0u);
}

TEST(Noise, LaplaceHasItsProbabilities) {
  Noise noise;
  for (const auto& [t, s] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{{1, 1}, {5, 2}, {3, 4}}) {
    std::map<std::int64_t, int> seen;
    for (int i = 0; i < kDraws; ++i) ++seen[noise.laplace(t, s)];
    const double ratio = std::exp(-static_cast<double>(s) / static_cast<double>(t));
    for (std::int64_t x = -6; x <= 6; ++x) {
      const double probability = (1 - ratio) / (1 + ratio) * std::pow(ratio, static_cast<double>(std::abs(x)));
      EXPECT_NEAR(seen[x], kDraws * probability, six_sigma(probability)) << x << " of " << t << "/" << s;
    }
  }
}

/// The scales that agreements lead to: beyond what a table can hold, so its mean and its spread are looked at.
TEST(Noise, LaplaceIsAsWideAsItShould) {
  Noise noise;
  const std::uint64_t t = 36'000'000'000'000, s = 1'000'000;  // b = 3.6e7
  const double b = static_cast<double>(t) / static_cast<double>(s);
  double sum = 0, squares = 0;
  int beyond = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = static_cast<double>(noise.laplace(t, s));
    sum += x;
    squares += x * x;
    beyond += x > b * std::log(50.0);  // one in a hundred
  }
  EXPECT_NEAR(sum / kDraws, 0, 6 * std::sqrt(2 * b * b / kDraws));
  EXPECT_NEAR(squares / kDraws / (2 * b * b), 1, 6 * std::sqrt(5.0 / kDraws));
  EXPECT_NEAR(beyond, kDraws / 100.0, six_sigma(0.01));
  const std::int64_t widest = noise.laplace(Noise::kScaleMax, 1);
  EXPECT_NE(widest, noise.laplace(Noise::kScaleMax, 1));
}

}  // namespace
}  // namespace holdfast::disclosure
