#include "server/fields.h"

#include <gtest/gtest.h>

namespace holdfast::server {
namespace {

TEST(Fields, a_good_trace_goes_on) {
  const Trace trace = Trace::of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  EXPECT_EQ(trace.id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_TRUE(trace.parent.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
  EXPECT_TRUE(trace.parent.ends_with("-01"));
  EXPECT_EQ(trace.parent.find("00f067aa0ba902b7"), std::string::npos);  // our own span
  EXPECT_EQ(Trace::of("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more").id, trace.id);
}

TEST(Fields, a_bad_trace_is_begun_anew) {
  for (const char* bad : {"", "00", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                          "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                          "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g"}) {
    const Trace trace = Trace::of(bad);
    EXPECT_EQ(trace.parent.size(), 55u);
    EXPECT_NE(trace.id, "4bf92f3577b34da6a3ce929d0e0e4736") << bad;
    EXPECT_NE(trace.id, Trace::of(bad).id);
  }
}

TEST(Fields, entity_tags_are_ours_or_nothing) {
  EXPECT_EQ(parse_etag("\"12\""), 12u);
  EXPECT_EQ(to_etag(12), "\"12\"");
  for (const char* bad :
       {"", "12", "\"\"", "\"", "W/\"12\"", "\"012\"", "\"-1\"", "\"1\", \"2\"", "*", "\"18446744073709551616\""}) {
    EXPECT_FALSE(parse_etag(bad)) << bad;
  }
}

TEST(Fields, media_types) {
  EXPECT_EQ(media_type("Application/JSON"), "application/json");
  EXPECT_EQ(media_type("text/csv; charset=UTF-8"), "text/csv");
  EXPECT_EQ(media_type("text/csv;header=present"), "text/csv");
  EXPECT_EQ(media_type("text/csv; charset=latin1"), "");
  EXPECT_EQ(media_type(""), "");
}

TEST(Fields, idempotency_keys) {
  EXPECT_EQ(*parse_idempotency_key("8e03978e-40d5-43dd"), "8e03978e-40d5-43dd");
  EXPECT_EQ(parse_idempotency_key("").error().slug, "request.idempotency_key");
  EXPECT_FALSE(parse_idempotency_key(std::string(256, 'a')));
  EXPECT_FALSE(parse_idempotency_key("caf\xc3\xa9"));
}

}  // namespace
}  // namespace holdfast::server
