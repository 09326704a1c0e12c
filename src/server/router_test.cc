#include "server/router.h"

#include <gtest/gtest.h>

namespace holdfast::server {
namespace {

using Outcome = Match::Outcome;

constexpr Route kRoutes[] = {
    {"GET", "/v1/flows/{flow}/subjects/{subject}"},
    {"DELETE", "/v1/subjects/{subject}"},
    {"PUT", "/v1/subjects/{subject}/restriction"},
    {"DELETE", "/v1/subjects/{subject}/restriction"},
    {"GET", "/log/tile/{path...}"},
    {"GET", "/log/checkpoint", true},
};

TEST(Router, finds_and_decodes) {
  const Router router(kRoutes);
  const Match match = router.match("GET", "/v1/flows/profile/subjects/a%2Fb%20%C3%A9");
  ASSERT_EQ(match.outcome, Outcome::found);
  EXPECT_EQ(match.route, 0u);
  EXPECT_EQ(match.parameters[0], "profile");
  EXPECT_EQ(match.parameters[1], "a/b é");
}

TEST(Router, a_rest_keeps_its_slashes) {
  const Router router(kRoutes);
  const Match match = router.match("GET", "/log/tile/entries/x001/234.p/7");
  ASSERT_EQ(match.outcome, Outcome::found);
  EXPECT_EQ(match.parameters[0], "entries/x001/234.p/7");
  EXPECT_EQ(router.match("GET", "/log/tile/1/2/3/4/5/6/7/8/9/10").parameters[0], "1/2/3/4/5/6/7/8/9/10");
  EXPECT_EQ(router.match("GET", "/log/tile/").outcome, Outcome::no_path);
}

TEST(Router, names_the_methods_of_a_path) {
  const Router router(kRoutes);
  const Match match = router.match("POST", "/v1/subjects/a/restriction");
  EXPECT_EQ(match.outcome, Outcome::no_method);
  EXPECT_EQ(match.allow, "PUT, DELETE");
}

TEST(Router, answers_head_where_the_route_does) {
  const Router router(kRoutes);
  const Match match = router.match("HEAD", "/log/checkpoint");
  ASSERT_EQ(match.outcome, Outcome::found);
  EXPECT_EQ(match.route, 5u);
  EXPECT_EQ(router.match("POST", "/log/checkpoint").allow, "GET, HEAD");
  EXPECT_EQ(router.match("HEAD", "/v1/flows/a/subjects/b").outcome, Outcome::no_method);
  EXPECT_EQ(router.match("HEAD", "/v1/flows/a/subjects/b").allow, "GET");
}

TEST(Router, unknown_and_malformed) {
  const Router router(kRoutes);
  for (const char* unknown : {"/", "/v1", "/v1/subjects/", "/v1/subjects/a/", "/V1/subjects/a", "//v1/subjects/a",
                              "/v1/%73ubjects/a", "/log/checkpoint/x", "/1/2/3/4/5/6/7/8/9/10"}) {
    EXPECT_EQ(router.match("DELETE", unknown).outcome, Outcome::no_path) << unknown;
  }
  for (const char* malformed :
       {"", "*", "v1/subjects/a", "https://host/v1/subjects/a", "/v1/subjects/a?x=1", "/v1/subjects/%",
        "/v1/subjects/%2", "/v1/subjects/%zz", "/v1/subjects/%ff", "/v1/subjects/a%00b"}) {
    EXPECT_EQ(router.match("DELETE", malformed).outcome, Outcome::malformed) << malformed;
  }
}

}  // namespace
}  // namespace holdfast::server
