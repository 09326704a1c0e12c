#include "trustee/modules/runs.h"

#include <gmock/gmock.h>

namespace holdfast::trustee {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ModuleLog, a_modules_lines_stand_behind_a_mark_and_cannot_be_the_trustees) {
  EXPECT_EQ(marked_lines("one\ntwo\n"), "  | one\n  | two\n");
  EXPECT_EQ(marked_lines("one\n\nthree"), "  | one\n  | \n  | three\n");
  EXPECT_EQ(marked_lines(""), "");
  EXPECT_THAT(marked_lines("2026-01-01T00:00:00.000Z finished\n"), testing::StartsWith("  | 2026"));
  EXPECT_EQ(marked_lines("a\rb\tc\n"), "  | a?b\tc\n");
}

TEST(ModuleLog, what_acts_on_a_terminal_or_is_no_text_is_replaced) {
  for (const char* acting :
       {"\x1b[31m", "\x7f", "\xc2\x9b", "\x9b", "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x80\x8f", "\xd8\x9c",
        "\xe2\x80\xa8", "\xef\xbb\xbf", "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xe2\x80"}) {
    const std::string out = marked_lines(std::string("a") + acting + "b");
    EXPECT_TRUE(is_utf8(out)) << out;
    EXPECT_THAT(out, testing::StartsWith("  | a?")) << out;
    EXPECT_THAT(out, testing::EndsWith("b\n")) << out;
    EXPECT_THAT(out, Not(HasSubstr(acting)));
  }
  EXPECT_EQ(marked_lines("Zoë 東 صباح"), "  | Zoë 東 صباح\n");
}

}  // namespace
}  // namespace holdfast::trustee
