#include "vault/key_cache.h"

#include <gtest/gtest.h>

#include <thread>

namespace holdfast::vault {
namespace {

KeyCache::Key key_of(std::uint32_t n) {
  KeyCache::Key out{};
  for (std::size_t i = 0; i < out.locker.bytes.size(); ++i) {
    out.locker.bytes[i] = static_cast<unsigned char>((n >> (8 * (i % 4))) + 1);
  }
  out.key.fill(static_cast<unsigned char>(n));
  return out;
}

std::optional<unsigned char> look(const KeyCache& cache, std::uint32_t n) {
  std::optional<unsigned char> out;
  cache.find(key_of(n).locker, [&](const KeyCache::Key& key) { out = key.key[31]; });
  return out;
}

TEST(KeyCache, GivesBackWhatItKeeps) {
  KeyCache cache;
  EXPECT_EQ(look(cache, 7), std::nullopt);
  cache.keep(key_of(7), cache.generation());
  EXPECT_EQ(look(cache, 7), 7);
  EXPECT_EQ(look(cache, 8), std::nullopt);
}

TEST(KeyCache, ForgetsAnErasedSubject) {
  KeyCache cache;
  cache.keep(key_of(7), cache.generation());
  cache.keep(key_of(8), cache.generation());
  cache.forget(key_of(7).locker);
  EXPECT_EQ(look(cache, 7), std::nullopt);
  EXPECT_EQ(look(cache, 8), 8);
}

TEST(KeyCache, DoesNotKeepWhatWasReadBeforeAnErasure) {
  KeyCache cache;
  const auto before = cache.generation();
  cache.forget(key_of(7).locker);
  cache.keep(key_of(7), before);
  EXPECT_EQ(look(cache, 7), std::nullopt);
}

TEST(KeyCache, MakesRoomInAFullSet) {
  KeyCache cache;
  constexpr std::uint32_t kMany = 300'000;  // more than it has places
  for (std::uint32_t n = 0; n < kMany; ++n) cache.keep(key_of(n), cache.generation());
  EXPECT_EQ(look(cache, kMany - 1), static_cast<unsigned char>(kMany - 1));
  std::size_t kept = 0;
  for (std::uint32_t n = 0; n < kMany; ++n) {
    const auto found = look(cache, n);
    if (found) {
      EXPECT_EQ(*found, static_cast<unsigned char>(n)) << n;
    }
    kept += found.has_value();
  }
  EXPECT_GT(kept, 60'000u);
  EXPECT_LE(kept, 65'536u);
}

}  // namespace
}  // namespace holdfast::vault
