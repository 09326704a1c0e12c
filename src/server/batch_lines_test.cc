#include "server/batch_lines.h"

#include <gtest/gtest.h>

#include <vector>

namespace holdfast::server {
namespace {

struct Seen {
  std::uint64_t number;
  std::string text;
  bool too_long;
  bool operator==(const Seen&) const = default;
};

std::vector<Seen> split(std::string_view whole, std::size_t step) {
  LineSplitter lines;
  std::vector<Seen> out;
  const auto drain = [&] {
    while (const auto line = lines.next()) out.push_back({line->number, std::string(line->text), line->too_long});
  };
  for (std::size_t i = 0; i < whole.size(); i += step) {
    lines.feed(whole.substr(i, step));
    drain();
  }
  lines.finish();
  drain();
  return out;
}

TEST(BatchLines, the_same_however_they_are_cut) {
  const std::string whole = "\"a\"\r\n\n\"b\"\n" + std::string(kBatchLineBytesMax + 1, 'x') + "\n\"c\"\n\"d\"";
  const std::vector<Seen> expected = {
      {1, "\"a\"", false}, {3, "\"b\"", false}, {4, "", true}, {5, "\"c\"", false}, {6, "\"d\"", false}};
  for (const std::size_t step : {1u, 2u, 7u, 4096u, 100000u}) EXPECT_EQ(split(whole, step), expected) << step;
}

TEST(BatchLines, a_long_line_at_the_end) {
  const std::string whole(3 * kBatchLineBytesMax, 'x');
  for (const std::size_t step : {1u, 1000u, 100000u})
    EXPECT_EQ(split(whole, step), (std::vector<Seen>{{1, "", true}})) << step;
}

TEST(BatchLines, a_line_as_long_as_it_may_be_ends_in_crlf) {
  const std::string longest(kBatchLineBytesMax, 'x');
  const std::vector<Seen> fits = {{1, longest, false}, {2, "y", false}};
  for (const std::size_t step : {1u, 4096u, 4097u, 4098u, 100000u}) {
    EXPECT_EQ(split(longest + "\r\ny", step), fits) << step;
    EXPECT_EQ(split(longest + "\ny", step), fits) << step;
    EXPECT_EQ(split(longest + "\r\r\ny", step), (std::vector<Seen>{{1, "", true}, {2, "y", false}})) << step;
    EXPECT_EQ(split(longest + "\rx\ny", step), (std::vector<Seen>{{1, "", true}, {2, "y", false}})) << step;
  }
}

TEST(BatchLines, a_line_names_one_subject) {
  EXPECT_EQ(*parse_batch_line(R"("p-1")"), "p-1");
  EXPECT_EQ(*parse_batch_line(R"( {"subject": "東"} )"), "東");
  for (const char* bad :
       {"p-1", "1", "null", "[\"a\"]", "{}", R"({"subject":1})", R"({"subject":"a","x":1})", R"({"id":"a"})",
        R"({"subject":"a","subject":"b"})", R"("a" "b")", "\"a", "\"\xff\"", "{\"subject\":[[[[[[\"a\"]]]]]]}"}) {
    const auto subject = parse_batch_line(bad);
    ASSERT_FALSE(subject) << bad;
    EXPECT_EQ(subject.error().slug, "batch.line");
  }
}

}  // namespace
}  // namespace holdfast::server
