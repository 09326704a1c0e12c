#include "ledger/rolling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <random>

#include "base/hash.h"
#include "ledger/spending.h"

namespace holdfast::ledger {
namespace {

using agreement::Limit;

Pseudonym subject(unsigned number) {
  return *Pseudonym::from(sha256("subject " + std::to_string(number)).view().substr(0, Pseudonym::kSize));
}

/// A rolling limit goes by the number alone. Good for one statement.
Counted counted(std::uint32_t number) {
  static const Pseudonym nobody;
  thread_local std::uint32_t one;
  one = number;
  return {nobody, {&one, 1}};
}

Limit rolling(std::uint64_t amount, Limit::Window window, std::uint32_t windows) {
  Limit limit;
  limit.name = "bulk:1";
  limit.amount = amount;
  limit.window = window;
  limit.windows = windows;
  limit.rolling = true;
  return limit;
}

struct Shape {
  Limit::Window window;
  std::uint32_t windows;
  std::uint64_t step_ms_max;
};

/// The plainest model: when each subject was last released. In whole seconds, like the count.
struct Model {
  UnixMillis length_s = 0;
  std::map<unsigned, UnixMillis> last_s;

  bool holds(unsigned subject, UnixMillis now) const {
    const auto found = last_s.find(subject);
    return found != last_s.end() && found->second + length_s >= now / 1000;
  }
  /// When those that count at `now` were last released, sorted.
  std::vector<UnixMillis> counted(UnixMillis now) const {
    std::vector<UnixMillis> out;
    for (const auto& [subject, second] : last_s) {
      if (holds(subject, now)) out.push_back(second);
    }
    std::sort(out.begin(), out.end());
    return out;
  }
  UnixMillis renews_at(std::uint64_t amount, UnixMillis now) const {
    const auto live = counted(now);
    if (live.empty()) return now;
    return (live[live.size() < amount ? 0 : live.size() - amount] + length_s + 1) * 1000;
  }
};

/// One rolling limit's life beside the model's: time that creeps, jumps by pages and by whole windows, looks ahead of
/// the newest entry, a window and an amount that change, snapshots and tidied numbers in between.
void live_beside_a_model(const Shape& shape, std::mt19937_64& random) {
  const auto below = [&](std::uint64_t end) { return random() % end; };
  Limit limit = rolling(1 + below(40), shape.window, shape.windows);
  Spending spending(limit);
  Numbers numbers;
  Model model{rolling_length(limit.window, limit.windows) / 1000, {}};
  UnixMillis now = 400'000'000'000;  // early, for time stands still in 2106
  for (int i = 0; i < 300; ++i) {
    now += static_cast<UnixMillis>(below(below(4) == 0 ? 5000 : shape.step_ms_max));
    if (below(400) == 0) now += model.length_s * 1000;
    const UnixMillis ahead = now + static_cast<UnixMillis>(below(static_cast<std::uint64_t>(model.length_s) * 1200));
    const auto name = static_cast<unsigned>(below(60));
    const Pseudonym pseudonym = subject(name);
    const bool room = model.holds(name, now) || model.counted(now).size() < limit.amount;
    ASSERT_EQ(spending.spent(ahead), model.counted(ahead).size());
    ASSERT_EQ(spending.spent(now), model.counted(now).size());
    ASSERT_EQ(spending.has_room(limit, counted(numbers.find(pseudonym)), 1, now), room);
    ASSERT_EQ(spending.renews_at(limit, now), model.renews_at(limit.amount, now));
    if (room || below(10) == 0) {  // what should not have been released counts all the same
      spending.spend(limit, counted(numbers.add(pseudonym)), 1, now);
      model.last_s[name] = now / 1000;
    }
    spending.advance(now);
    if (below(100) == 0) {
      std::vector<bool> keep(numbers.size(), false);
      spending.rolling()->each_counted([&](std::uint32_t number, std::uint32_t) { keep[number] = true; });
      spending.rolling()->renumber(numbers.keep(keep));
    }
    if (below(100) == 0) {
      Bytes bytes, twice;
      spending.encode(bytes);
      Spending again(limit);
      ByteReader in(bytes);
      again.decode(in, numbers.size());
      ASSERT_TRUE(in.done());
      again.encode(twice);
      ASSERT_EQ(bytes, twice);
      spending = std::move(again);
    }
    if (below(100) == 0) {
      std::erase_if(model.last_s, [&](const auto& seen) { return !model.holds(seen.first, now); });
      limit.windows = shape.windows + static_cast<std::uint32_t>(below(3));
      spending.follow(limit, now);
      model.length_s = rolling_length(limit.window, limit.windows) / 1000;
    }
    if (below(100) == 0) limit.amount = 1 + below(40);
  }
}

TEST(Rolling, AgainstAModel) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (const Shape& shape :
       {Shape{Limit::Window::hour, 1, 400'000}, Shape{Limit::Window::day, 3, 10'000'000},
        Shape{Limit::Window::month, 12, 2'000'000'000}, Shape{Limit::Window::year, 10, 9'000'000'000}}) {
    SCOPED_TRACE(std::to_string(shape.windows) + " windows");
    for (int life = 0; life < 12 && !testing::Test::HasFatalFailure(); ++life) live_beside_a_model(shape, random);
  }
}

TEST(Rolling, NonsenseInASnapshotIsNoCount) {
  std::mt19937_64 random(7);
  const Limit limit = rolling(5, Limit::Window::month, 12);
  for (int i = 0; i < 20'000; ++i) {
    Bytes bytes;
    for (std::size_t left = random() % 40; left > 0; --left) bytes.push_back(static_cast<char>(random()));
    Spending spending(limit);
    ByteReader in(bytes);
    spending.decode(in, 3);
    ASSERT_TRUE(!in.ok() || spending.spent(0) <= 3);
  }
}

TEST(Rolling, TimeFarAheadNeverLetsGo) {
  const Limit limit = rolling(1, Limit::Window::month, 12);
  Spending spending(limit);
  constexpr UnixMillis far = 8'000'000'000'000'000;
  spending.spend(limit, counted(0), 1, far);
  EXPECT_FALSE(spending.has_room(limit, counted(Numbers::kNone), 1, far * 1000));
  EXPECT_TRUE(spending.has_room(limit, counted(0), 1, far * 1000));
  spending.spend(limit, counted(1), 1, -far);
  EXPECT_EQ(spending.spent(0), 2u);
}

TEST(Numbers, KeepTheirOrder) {
  Numbers numbers;
  for (unsigned i = 0; i < 1000; ++i) ASSERT_EQ(numbers.add(subject(i)), i);
  for (unsigned i = 0; i < 1000; ++i) ASSERT_EQ(numbers.add(subject(i)), i);
  EXPECT_EQ(numbers.find(subject(1000)), Numbers::kNone);
  std::vector<bool> keep(1000, false);
  for (unsigned i = 0; i < 1000; i += 3) keep[i] = true;
  const auto moved = numbers.keep(keep);
  for (unsigned i = 0; i < 1000; ++i) {
    EXPECT_EQ(moved[i], i % 3 == 0 ? i / 3 : Numbers::kNone);
    EXPECT_EQ(numbers.find(subject(i)), moved[i]);
  }
}

}  // namespace
}  // namespace holdfast::ledger
