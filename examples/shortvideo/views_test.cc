#include "views.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

namespace shortvideo {
namespace {

Settings small() {
  Settings out;
  out.people = 500;
  out.views = 200'000;
  return out;
}

const std::vector<View>& history() {
  static const std::vector<View> views = generate_views(small());
  return views;
}

std::string text_of(const std::vector<View>& views) {
  std::string out;
  for (std::size_t i = 0; i < views.size(); ++i) append_view(out, Format::csv, views[i], "s", i + 1);
  return out;
}

TEST(Views, AreTheSameForTheSameSeed) {
  EXPECT_EQ(text_of(generate_views(small())), text_of(history()));
  Settings other = small();
  other.seed = 2;
  EXPECT_NE(text_of(generate_views(other)), text_of(history()));
}

TEST(Views, AreAsManyAsAskedAndInOrder) {
  EXPECT_EQ(history().size(), small().views);
  EXPECT_TRUE(std::is_sorted(history().begin(), history().end(),
                             [](const View& a, const View& b) { return a.at_ms < b.at_ms; }));
  for (const View& view : history()) {
    ASSERT_LT(view.person, small().people);
    ASSERT_LT(view.video, small().videos);
    ASSERT_LT(view.at_ms, small().until_ms);
    ASSERT_GE(view.watched_ms, 300u);
    ASSERT_LE(view.watched_ms, 2 * 180'000u);
  }
  Settings one = small();
  one.people = 7;
  one.views = 1;
  EXPECT_EQ(generate_views(one).size(), 1u);
}

/// What part of the views the most-seen hundredth of `counts` has.
double share_of_top_percent(const std::map<std::uint32_t, std::size_t>& counts, std::size_t all) {
  std::vector<std::size_t> sorted;
  for (const auto& [unused, count] : counts) sorted.push_back(count);
  std::sort(sorted.rbegin(), sorted.rend());
  std::size_t top = 0;
  for (std::size_t i = 0; i < all / 100 && i < sorted.size(); ++i) top += sorted[i];
  return static_cast<double>(top) / static_cast<double>(small().views);
}

TEST(Views, AFewVideosHaveMostViewsAndAFewPeopleWatchMuch) {
  std::map<std::uint32_t, std::size_t> videos, people;
  for (const View& view : history()) ++videos[view.video], ++people[view.person];
  const double video_share = share_of_top_percent(videos, small().videos);
  EXPECT_GT(video_share, 0.30);
  EXPECT_LT(video_share, 0.75);
  EXPECT_GT(videos.size(), small().videos / 3);  // and yet there is a long tail
  const double people_share = share_of_top_percent(people, small().people);
  EXPECT_GT(people_share, 0.03);
  EXPECT_LT(people_share, 0.20);
}

TEST(Views, ComeInSessionsThatLieApart) {
  std::map<std::uint32_t, View> last;
  std::size_t within = 0, between = 0;
  for (const View& view : history()) {
    const auto before = last.find(view.person);
    if (before != last.end()) {
      const std::int64_t pause = view.at_ms - before->second.at_ms - before->second.watched_ms;
      ASSERT_GT(pause, 0) << "two videos at once";
      ASSERT_TRUE(pause < 3'000 || pause > 29 * 60'000) << pause;
      ++(pause < 3'000 ? within : between);
    }
    last[view.person] = view;
  }
  const double size = static_cast<double>(within) / static_cast<double>(between) + 1;
  EXPECT_GT(size, 8);
  EXPECT_LT(size, 25);
}

TEST(Views, FollowTheDay) {
  std::array<std::size_t, 24> hours{};
  for (const View& view : history()) ++hours[static_cast<std::size_t>((view.at_ms / 3'600'000 + 24 - 6) % 24)];
  EXPECT_GT(hours[20] + hours[21], 4 * (hours[3] + hours[4]));  // evening and night in the middle of the country
}

TEST(Views, ShowSharedTastes) {
  // Of pairs of people who watch much, those of like taste have far more videos in common than most pairs.
  std::map<std::uint32_t, std::map<std::uint32_t, std::size_t>> by_person;
  for (const View& view : history()) ++by_person[view.person][view.video];
  std::vector<std::set<std::uint32_t>> sets;
  for (const auto& [unused, videos] : by_person) {
    if (videos.size() < 200) continue;
    std::set<std::uint32_t>& one = sets.emplace_back();
    for (const auto& [video, count] : videos) one.insert(video);
  }
  ASSERT_GT(sets.size(), 40u);
  std::vector<double> overlaps;
  for (std::size_t a = 0; a < 40; ++a) {
    for (std::size_t b = a + 1; b < 40; ++b) {
      std::size_t both = 0;
      for (const std::uint32_t video : sets[a]) both += sets[b].count(video);
      overlaps.push_back(static_cast<double>(both) / static_cast<double>(std::min(sets[a].size(), sets[b].size())));
    }
  }
  std::sort(overlaps.begin(), overlaps.end());
  EXPECT_GT(overlaps[overlaps.size() * 98 / 100], 2 * overlaps[overlaps.size() / 4]);
}

TEST(Views, AreWrittenAsCsvAndJsonLines) {
  const View view{.at_ms = 1'793'491'199'042, .person = 0, .video = 41, .watched_ms = 12'034};
  std::string out;
  append_header(out, Format::csv);
  append_view(out, Format::csv, view, "u000001", 7);
  EXPECT_EQ(out, "subject,event,video,watched,at\nu000001,e0000000007,v000042,12.034s,2026-10-31T23:59:59.042Z\n");
  out.clear();
  append_header(out, Format::ndjson);
  append_view(out, Format::ndjson, view, "u000001", 7);
  EXPECT_EQ(out, R"({"subject":"u000001","event":"e0000000007","video":"v000042","watched":12.034,)"
                 R"("at":"2026-10-31T23:59:59.042Z"})"
                 "\n");
}

TEST(Views, SubjectsAreReadFromCsv) {
  EXPECT_EQ(read_subjects("subject,name\nu1,\"A, B\nC\"\r\nu2,x"), (std::vector<std::string>{"u1", "u2"}));
  EXPECT_EQ(read_subjects("\xef\xbb\xbfsubject\nu1\n"), std::vector<std::string>{"u1"});
  EXPECT_THROW(read_subjects(""), std::runtime_error);
  EXPECT_THROW(read_subjects("name\nAda\n"), std::runtime_error);
  EXPECT_THROW(read_subjects("subject\n"), std::runtime_error);
  EXPECT_THROW(read_subjects("subject\nu\"1\n"), std::runtime_error);
  EXPECT_THROW(read_subjects("subject\n\n"), std::runtime_error);
}

}  // namespace
}  // namespace shortvideo
