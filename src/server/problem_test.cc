#include "server/problem.h"

#include <gtest/gtest.h>

namespace holdfast::server {
namespace {

Error error(Code code, std::string_view slug = "a.slug", int retry = 0) { return {code, slug, "", "what", retry}; }

TEST(Problem, every_code_has_its_status) {
  EXPECT_EQ(status_of(error(Code::invalid), false), 400u);
  EXPECT_EQ(status_of(error(Code::unauthenticated), false), 401u);
  EXPECT_EQ(status_of(error(Code::refused), false), 403u);
  EXPECT_EQ(status_of(error(Code::not_found), false), 404u);
  EXPECT_EQ(status_of(error(Code::exhausted), false), 429u);
  EXPECT_EQ(status_of(error(Code::corrupt), false), 500u);
  EXPECT_EQ(status_of(error(Code::internal), false), 500u);
  EXPECT_EQ(status_of(error(Code::unsupported), false), 501u);
  EXPECT_EQ(status_of(error(Code::unavailable), false), 503u);
}

TEST(Problem, a_conflict_depends_on_what_was_asked) {
  EXPECT_EQ(status_of(error(Code::conflict), false), 409u);
  EXPECT_EQ(status_of(error(Code::conflict, "vault.record.version"), true), 412u);
  EXPECT_EQ(status_of(error(Code::conflict, "idempotency.reused"), true), 409u);
}

TEST(Problem, http_has_statuses_of_its_own) {
  EXPECT_EQ(status_of(error(Code::invalid, "request.body.large"), false), 413u);
  EXPECT_EQ(status_of(error(Code::invalid, "request.media"), false), 415u);
  EXPECT_EQ(status_of(error(Code::invalid, "request.header.large"), false), 431u);
}

TEST(Problem, a_contained_run_is_the_modules_fault) {
  EXPECT_TRUE(is_contained_run(error(Code::internal, "sealed.run.trapped")));
  EXPECT_FALSE(is_contained_run(error(Code::internal, "sealed.worker.died")));
  EXPECT_FALSE(is_contained_run(error(Code::internal, "server.fault")));
}

TEST(Problem, retry_after_is_there_when_it_helps) {
  EXPECT_EQ(retry_after_s(error(Code::exhausted, "limit.exceeded", 30), 429), 30);
  EXPECT_EQ(retry_after_s(error(Code::unavailable), 503), 1);
  EXPECT_EQ(retry_after_s(error(Code::refused, "x", 30), 403), 0);
}

TEST(Problem, the_document) {
  const Error e{Code::refused, "flow.unknown", "flow 'x'", "say \"please\"\n", 0};
  EXPECT_EQ(
      problem_json(e, 403),
      R"({"type":"urn:holdfast:problem:flow.unknown","title":"Forbidden","status":403,"detail":"say \"please\"\n",)"
      R"("code":"flow.unknown","where":"flow 'x'"})"
      "\n");
}

TEST(Problem, strings_are_always_json) {
  EXPECT_EQ(json_string(std::string_view("a\x01\"\\\0é", 7)), "\"a\\u0001\\\"\\\\\\u0000é\"");
  EXPECT_EQ(json_string("a\xff"), "\"a\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace holdfast::server
