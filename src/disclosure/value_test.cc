#include "disclosure/value.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <random>

namespace holdfast::disclosure {
namespace {

using agreement::FieldType;

std::string json_of(FieldType type, ByteView encoded) {
  std::string out;
  const auto done = append_json(out, type, encoded);
  return done ? out : std::string(done.error().slug);
}

/// CSV text in, JSON out; an error's slug when it is refused.
std::string through_text(FieldType type, std::string_view text) {
  const auto encoded = value_from_text(type, text);
  return encoded ? json_of(type, *encoded) : std::string(encoded.error().slug);
}

/// JSON in, JSON out.
std::string through_json(FieldType type, std::string_view json) {
  const auto encoded = value_from_json(type, boost::json::parse(std::string(json)));
  return encoded ? json_of(type, *encoded) : std::string(encoded.error().slug);
}

TEST(Value, TextKeepsEveryScript) {
  for (const std::string_view text : {"", "plain", "صباح الخير", "नमस्ते क्षत्रिय", "안녕하세요", "\u1112\u1161\u11ab",
                                      "日本語", "👩‍👩‍👧‍👦🇺🇸", "a\tb\nc", "e\u0301"}) {
    const auto encoded = value_from_text(FieldType::text, text);
    ASSERT_TRUE(encoded) << text;
    EXPECT_EQ(text_of(*encoded), text);
    EXPECT_EQ(boost::json::parse(json_of(FieldType::text, *encoded)).as_string(), text);
  }
}

TEST(Value, TextRefusesWhatIsNone) {
  using std::string_view_literals::operator""sv;
  for (const std::string_view text : {"a\0b"sv, "\r\n"sv, "\x1b[31m"sv, "\x7f"sv, "\xc2\x80"sv, "\xc2\x9f"sv, "\xff"sv,
                                      "\xc0\xaf"sv, "\xed\xa0\x80"sv, "\xc2"sv, "\xf4\x90\x80\x80"sv}) {
    EXPECT_EQ(through_text(FieldType::text, text), "disclosure.value.text");
  }
  EXPECT_TRUE(value_from_text(FieldType::text, "\xc2\xa0"));  // no-break space is no control character
  EXPECT_TRUE(value_from_text(FieldType::text, std::string(kValueBytesMax, 'x')));
  EXPECT_FALSE(value_from_text(FieldType::text, std::string(kValueBytesMax + 1, 'x')));
  EXPECT_EQ(through_json(FieldType::text, "5"), "disclosure.value.text");
  EXPECT_EQ(through_json(FieldType::text, "null"), "disclosure.value.text");
  EXPECT_EQ(through_json(FieldType::text, "{}"), "disclosure.value.text");
}

TEST(Value, ErrorsNeverRepeatTheValue) {
  const auto refused = value_from_text(FieldType::date, "secret-4711");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid);
  EXPECT_EQ(refused.error().text().find("4711"), std::string::npos);
}

TEST(Value, Integers) {
  for (const std::string_view text : {"0", "7", "-7", "9223372036854775807", "-9223372036854775808"}) {
    EXPECT_EQ(through_text(FieldType::integer, text), text);
    EXPECT_EQ(through_json(FieldType::integer, text), text);
    EXPECT_EQ(through_json(FieldType::integer, "\"" + std::string(text) + "\""), text);
  }
  EXPECT_EQ(through_json(FieldType::integer, "1e3"), "1000");
  for (const std::string_view text : {"", "-", "+1", "007", " 1", "1 ", "1.0", "0x10", "1e3", "9223372036854775808"}) {
    EXPECT_EQ(through_text(FieldType::integer, text), "disclosure.value.integer") << text;
  }
  for (const std::string_view json : {"1.5", "9223372036854775808", "1e19", "true", "[1]"}) {
    EXPECT_EQ(through_json(FieldType::integer, json), "disclosure.value.integer") << json;
  }
}

TEST(Value, DecimalsAreExact) {
  EXPECT_EQ(through_text(FieldType::decimal, "-12.50"), "\"-12.5\"");
  EXPECT_EQ(through_text(FieldType::decimal, "0.000000000000000001"), "\"0.000000000000000001\"");
  EXPECT_EQ(through_text(FieldType::decimal, "9.223372036854775807"), "\"9.223372036854775807\"");
  EXPECT_EQ(through_text(FieldType::decimal, "-9223372036854775808"), "\"-9223372036854775808\"");
  EXPECT_EQ(through_text(FieldType::decimal, "-0.00"), "\"0\"");
  EXPECT_EQ(value_from_text(FieldType::decimal, "1.50").value(), value_from_text(FieldType::decimal, "1.5").value());
  EXPECT_EQ(through_json(FieldType::decimal, "0.1"), "\"0.1\"");
  EXPECT_EQ(through_json(FieldType::decimal, "1e-7"), "\"0.0000001\"");
  EXPECT_EQ(through_json(FieldType::decimal, "100"), "\"100\"");
  EXPECT_EQ(through_json(FieldType::decimal, "\"0.30000000000000004\""), "\"0.30000000000000004\"");
  for (const std::string_view text : {"", ".5", "5.", "-", "1,5", "1e5", "NaN", "01.5", "1.2.3", "9223372036854775808",
                                      "9.2233720368547758071", "0.0000000000000000001"}) {
    EXPECT_EQ(through_text(FieldType::decimal, text), "disclosure.value.decimal") << text;
  }
  // More digits than a double carries: what was written is lost already.
  EXPECT_EQ(through_json(FieldType::decimal, "0.30000000000000004"), "disclosure.value.decimal");
  EXPECT_EQ(through_json(FieldType::decimal, "1e300"), "disclosure.value.decimal");
  EXPECT_EQ(through_json(FieldType::decimal, "1e-300"), "disclosure.value.decimal");
}

TEST(Value, DecimalsOfFifteenDigitsSurviveJsonNumbers) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    const Decimal decimal{static_cast<std::int64_t>(random() % 999'999'999'999'999) + 1,
                          static_cast<int>(random() % 16)};
    const std::string text = decimal.text();
    ASSERT_EQ(value_from_json(FieldType::decimal, boost::json::parse(text)).value(),
              value_from_text(FieldType::decimal, text).value())
        << text;
  }
}

TEST(Value, Booleans) {
  for (const std::string_view text : {"true", "TRUE", "True", "1"})
    EXPECT_EQ(through_text(FieldType::boolean, text), "true");
  for (const std::string_view text : {"false", "FALSE", "0"})
    EXPECT_EQ(through_text(FieldType::boolean, text), "false");
  EXPECT_EQ(through_json(FieldType::boolean, "true"), "true");
  EXPECT_EQ(through_text(FieldType::boolean, "yes"), "disclosure.value.boolean");
  EXPECT_EQ(through_json(FieldType::boolean, "1"), "disclosure.value.boolean");
  EXPECT_EQ(through_json(FieldType::boolean, "\"true\""), "disclosure.value.boolean");
}

TEST(Value, DatesExist) {
  for (const std::string_view text : {"1990-04-30", "2000-02-29", "0001-01-01", "9999-12-31"}) {
    EXPECT_EQ(through_text(FieldType::date, text), "\"" + std::string(text) + "\"");
  }
  for (const std::string_view text :
       {"1990-02-29", "1990-4-3", "3/29/1982", "0000-01-01", "10000-01-01", "1990-04-30 "}) {
    EXPECT_EQ(through_text(FieldType::date, text), "disclosure.value.date") << text;
  }
  EXPECT_EQ(through_json(FieldType::date, "19900430"), "disclosure.value.date");
}

TEST(Value, TimesBecomeUtc) {
  EXPECT_EQ(through_text(FieldType::time, "2026-11-23T22:00:00.1239+01:00"), "\"2026-11-23T21:00:00.123Z\"");
  EXPECT_EQ(through_text(FieldType::time, "1969-12-31T23:59:59.999Z"), "\"1969-12-31T23:59:59.999Z\"");
  for (const std::string_view text :
       {"2026-11-23", "2026-11-23T22:00:00", "1700000000", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"}) {
    EXPECT_EQ(through_text(FieldType::time, text), "disclosure.value.time") << text;
  }
}

TEST(Value, DurationsAreSeconds) {
  EXPECT_EQ(through_text(FieldType::duration, "90s"), "90");
  EXPECT_EQ(through_text(FieldType::duration, "1.5s"), "1.5");
  EXPECT_EQ(through_text(FieldType::duration, "2m"), "120");
  EXPECT_EQ(through_text(FieldType::duration, "3h"), "10800");
  EXPECT_EQ(through_text(FieldType::duration, "250ms"), "0.25");
  EXPECT_EQ(through_text(FieldType::duration, "12.3456"), "12.346");
  EXPECT_EQ(through_json(FieldType::duration, "12.345"), "12.345");
  EXPECT_EQ(through_json(FieldType::duration, "7"), "7");
  EXPECT_EQ(through_json(FieldType::duration, "\"7s\""), "7");
  for (const std::string_view text : {"", "s", "-1s", "1 s", "1d", "1e3s", "9223372036854775807h"}) {
    EXPECT_EQ(through_text(FieldType::duration, text), "disclosure.value.duration") << text;
  }
  EXPECT_EQ(through_json(FieldType::duration, "\"7\""), "disclosure.value.duration");
  EXPECT_EQ(through_json(FieldType::duration, "-0.5"), "disclosure.value.duration");
  EXPECT_EQ(through_json(FieldType::duration, "9223372036854775807"), "disclosure.value.duration");
}

TEST(Value, BytesAreBase64) {
  EXPECT_EQ(through_text(FieldType::bytes, "AAH/"), "\"AAH/\"");
  EXPECT_EQ(through_text(FieldType::bytes, ""), "\"\"");
  EXPECT_EQ(through_text(FieldType::bytes, "not base64!"), "disclosure.value.bytes");
  EXPECT_TRUE(value_from_text(FieldType::bytes, to_base64(Bytes(kValueBytesMax, '\xff'))));
  EXPECT_FALSE(value_from_text(FieldType::bytes, to_base64(Bytes(kValueBytesMax + 1, '\xff'))));
}

TEST(Value, ListsOfText) {
  EXPECT_EQ(through_json(FieldType::text_list, R"(["a","","नमस्ते \"x\""])"), R"(["a","","नमस्ते \"x\""])");
  EXPECT_EQ(through_text(FieldType::text_list, "[]"), "[]");
  for (const std::string_view text :
       {"", "a,b", "[1]", "[[\"a\"]]", "[\"a\"", "{\"a\":1}", "[\"\\u0000\"]", "[\"\xff\"]"}) {
    EXPECT_EQ(through_text(FieldType::text_list, text), "disclosure.value.list") << text;
  }
  boost::json::array many(kListItemsMax + 1, boost::json::value("x"));
  EXPECT_FALSE(value_from_json(FieldType::text_list, many));
  many.pop_back();
  EXPECT_TRUE(value_from_json(FieldType::text_list, many));
  EXPECT_FALSE(
      value_from_json(FieldType::text_list, boost::json::array(2, boost::json::value(std::string(40'000, 'x')))));
}

TEST(Value, StoredBytesNameTheirType) {
  for (const auto& [type, text] : {std::pair(FieldType::text, "94105"),
                                   {FieldType::integer, "94105"},
                                   {FieldType::decimal, "1.5"},
                                   {FieldType::boolean, "true"},
                                   {FieldType::date, "1990-04-01"},
                                   {FieldType::time, "2026-11-23T22:00:00Z"},
                                   {FieldType::duration, "90s"},
                                   {FieldType::bytes, "AA=="},
                                   {FieldType::text_list, "[\"a\"]"}}) {
    const auto encoded = value_from_text(type, text);
    ASSERT_TRUE(encoded) << text;
    EXPECT_EQ(stored_type(*encoded), type);
  }
  EXPECT_EQ(stored_type(""), std::nullopt);
  EXPECT_EQ(stored_type("?1"), std::nullopt);
}

TEST(Value, StoredBytesOfAnotherTypeAreCorruptNotMisread) {
  const std::array<std::pair<FieldType, std::string_view>, 9> values{{{FieldType::text, "1"},
                                                                      {FieldType::integer, "1"},
                                                                      {FieldType::decimal, "1"},
                                                                      {FieldType::boolean, "1"},
                                                                      {FieldType::date, "1970-01-02"},
                                                                      {FieldType::time, "1970-01-01T00:00:00.001Z"},
                                                                      {FieldType::duration, "1ms"},
                                                                      {FieldType::bytes, "AQ=="},
                                                                      {FieldType::text_list, "[\"1\"]"}}};
  for (const auto& [type, text] : values) {
    const Bytes encoded = value_from_text(type, text).value();
    for (const auto& [other, unused] : values) {
      EXPECT_EQ(json_of(other, encoded) == "disclosure.value.stored", other != type) << text;
    }
    std::string out = "before";
    EXPECT_FALSE(append_json(out, type, ""));
    EXPECT_EQ(out, "before");
    if (type != FieldType::text && type != FieldType::bytes) {
      EXPECT_FALSE(append_json(out, type, encoded + "x"));
      EXPECT_FALSE(append_json(out, type, ByteView(encoded).substr(0, encoded.size() - 1)));
      EXPECT_EQ(out, "before");
    }
  }
}

}  // namespace
}  // namespace holdfast::disclosure
