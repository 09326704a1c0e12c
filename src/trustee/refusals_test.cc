#include "trustee/refusals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace holdfast::trustee {
namespace {

using testing::ElementsAre;

const Error kLimit{Code::exhausted, "limit.exceeded", "", ""};

TEST(Refusals, the_first_is_recorded_at_once_and_like_ones_together) {
  std::vector<std::uint64_t> counts;
  Refusals refusals([&](const Refusal&, std::uint64_t count) { counts.push_back(count); });
  refusals.note("bytedance", "disclose", "support", kLimit);
  EXPECT_THAT(counts, ElementsAre(1));
  refusals.note("bytedance", "disclose", "support", kLimit);
  refusals.note("bytedance", "disclose", "support", {Code::not_found, "vault.subject.unknown", "", ""});
  refusals.note("bytedance", "disclose", "support", kLimit);
  refusals.finish();
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts) sum += count;
  EXPECT_EQ(sum, 3u);  // a second may have ended between
}

TEST(Refusals, what_the_log_had_no_room_for_is_recorded_later) {
  std::vector<std::uint64_t> recorded;
  bool full = true;
  Refusals* self = nullptr;
  Refusals refusals([&](const Refusal& refusal, std::uint64_t count) {
    if (full) return self->put_back(refusal, count);
    recorded.push_back(count);
  });
  self = &refusals;
  refusals.note("bytedance", "disclose", "support", kLimit);
  refusals.note("bytedance", "disclose", "support", kLimit);
  EXPECT_TRUE(recorded.empty());
  full = false;
  refusals.finish();
  EXPECT_THAT(recorded, ElementsAre(2));
}

}  // namespace
}  // namespace holdfast::trustee
