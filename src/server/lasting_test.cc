#include "server/lasting.h"

#include <gtest/gtest.h>

#include <new>
#include <string>

namespace holdfast::server {
namespace {

/// Takes turns as `plan` says, a letter each: '.' goes well, 'x' throws, '!' is the last. Answers those that were
/// taken.
std::string taken(const std::string& plan, bool& thrown) {
  boost::asio::io_context loop;
  std::size_t at = 0;
  const auto turn = [&]() -> trustee::Async<bool> {
    const char what = plan.at(at++);
    if (what == 'x') throw std::bad_alloc();
    co_return what != '!';
  };
  boost::asio::co_spawn(loop, take_turns(turn), [&](std::exception_ptr fault) { thrown = fault != nullptr; });
  loop.run();
  return plan.substr(0, at);
}

TEST(Lasting, a_turn_that_throws_ends_alone_and_two_in_a_row_end_all) {
  bool thrown = true;
  EXPECT_EQ(taken(".x.x.!..", thrown), ".x.x.!");
  EXPECT_FALSE(thrown);
  EXPECT_EQ(taken("x!", thrown), "x!");
  EXPECT_FALSE(thrown);
  EXPECT_EQ(taken(".x.xx.!", thrown), ".x.xx");
  EXPECT_TRUE(thrown);
}

TEST(LastingDeathTest, what_cannot_last_ends_the_process) {
  const auto run = [] {
    boost::asio::io_context loop;
    start_lasting(loop, []() -> trustee::Async<bool> {
      throw std::bad_alloc();
      co_return true;
    });
    loop.run();
  };
  EXPECT_DEATH(run(), "terminate");
}

}  // namespace
}  // namespace holdfast::server
