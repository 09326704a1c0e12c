#include "trustee/caller.h"

#include <gtest/gtest.h>

namespace holdfast::trustee {
namespace {

constexpr std::string_view kDomain = "shortvideo.example";

TEST(Caller, parties_and_subjects) {
  const auto party = Caller::from_spiffe("spiffe://shortvideo.example/party/app-backend", kDomain);
  ASSERT_TRUE(party);
  EXPECT_EQ(party->kind, Caller::Kind::party);
  EXPECT_EQ(party->name, "app-backend");

  const auto subject = Caller::from_spiffe("spiffe://shortvideo.example/subject/a%2Fb%20%E6%9D%B1@x.org", kDomain);
  ASSERT_TRUE(subject);
  EXPECT_EQ(subject->kind, Caller::Kind::subject);
  EXPECT_EQ(subject->name, "a/b 東@x.org");
}

TEST(Caller, nothing_else) {
  const std::string long_uri = "spiffe://shortvideo.example/party/" + std::string(2048, 'a');
  for (const std::string_view bad : std::initializer_list<std::string_view>{"",
                                                                            "spiffe://",
                                                                            "spiffe://shortvideo.example",
                                                                            "spiffe://shortvideo.example/",
                                                                            "spiffe://shortvideo.example/party",
                                                                            "spiffe://shortvideo.example/party/",
                                                                            "spiffe://shortvideo.example/party/a/b",
                                                                            "SPIFFE://shortvideo.example/party/a",
                                                                            "spiffe://shortvideo.example/Party/a",
                                                                            "spiffe://shortvideo.example/overseer/a",
                                                                            "spiffe://shortvideo.example.evil/party/a",
                                                                            "spiffe://evil.shortvideo.example/party/a",
                                                                            "spiffe://shortvideo.example:443/party/a",
                                                                            "https://shortvideo.example/party/a",
                                                                            "spiffe://shortvideo.example/party/a?x=1",
                                                                            "spiffe://shortvideo.example/party/a#x",
                                                                            "spiffe://shortvideo.example/party/a%",
                                                                            "spiffe://shortvideo.example/party/a%2",
                                                                            "spiffe://shortvideo.example/party/a%zz",
                                                                            "spiffe://shortvideo.example/party/a%00b",
                                                                            "spiffe://shortvideo.example/party/a%0Ab",
                                                                            "spiffe://shortvideo.example/party/%ff",
                                                                            "spiffe://shortvideo.example/party/a b",
                                                                            std::string_view(long_uri)}) {
    const auto caller = Caller::from_spiffe(bad, kDomain);
    ASSERT_FALSE(caller) << bad;
    EXPECT_EQ(caller.error().slug, "caller.unknown");
    EXPECT_EQ(caller.error().code, Code::unauthenticated);
  }
}

}  // namespace
}  // namespace holdfast::trustee
