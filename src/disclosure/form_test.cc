#include "disclosure/form.h"

#include <gtest/gtest.h>
#include <utf8proc.h>

#include <map>

#include "agreement/form.h"
#include "disclosure/unicode.h"
#include "disclosure/value.h"

namespace holdfast::disclosure {
namespace {

using agreement::FieldType;
constexpr UnixMillis kNow = 1'795'392'000'000;  // 2026-11-23T00:00Z

std::shared_ptr<const TokenKey> token_key() {
  return std::make_shared<const TokenKey>(
      TokenKeys(Key256::from(std::string(32, 'r')).value()).key_for("desk", "support"));
}

/// `text` deposited as `type` and given as `form`: JSON, "(left out)", or an error's slug.
std::string given(FieldType type, std::string_view form, std::string_view text, UnixMillis now = kNow) {
  const auto former = Former::create({"f", type, "user.contact", 1}, agreement::parse_form(form).value(), token_key());
  if (!former) return std::string(former.error().slug);
  std::string out = ">";
  const auto outcome = former->append(out, value_from_text(type, text).value(), now);
  if (!outcome) return std::string(outcome.error().slug);
  if (*outcome == Outcome::left_out) return out == ">" ? "(left out)" : "left out, but wrote";
  return out.substr(1);
}

TEST(Form, ClearTokenRedacted) {
  EXPECT_EQ(given(FieldType::text, "clear", "a\"b"), R"("a\"b")");
  EXPECT_EQ(given(FieldType::text, "token", "a").substr(0, 5), "\"tok_");
  EXPECT_EQ(given(FieldType::text_list, "token", "[\"a\"]").size(), kTokenSize + 2);
  EXPECT_EQ(given(FieldType::text, "redacted", "a"), "(left out)");
}

TEST(Form, YearAndMonth) {
  EXPECT_EQ(given(FieldType::date, "year", "1990-04-30"), "\"1990\"");
  EXPECT_EQ(given(FieldType::date, "month", "1990-04-30"), "\"1990-04\"");
  EXPECT_EQ(given(FieldType::date, "year", "0790-04-30"), "\"0790\"");
  EXPECT_EQ(given(FieldType::time, "month", "2026-12-31T23:30:00-01:00"), "\"2027-01\"");
  EXPECT_EQ(given(FieldType::time, "year", "1969-12-31T23:59:59.999Z"), "\"1969\"");
}

TEST(Form, FirstCountsCharactersAsPeopleDo) {
  const auto first = [](int count, std::string_view text) {
    return given(FieldType::text, "first " + std::to_string(count), text);
  };
  EXPECT_EQ(first(3, "94107"), "\"941\"");
  EXPECT_EQ(first(3, "94"), "\"94\"");
  EXPECT_EQ(first(3, ""), "\"\"");
  EXPECT_EQ(first(2, "مرحبا"), "\"مر\"");
  EXPECT_EQ(first(1, "مُحمد"), "\"مُ\"");                           // the vowel sign stays with its letter
  EXPECT_EQ(first(1, "निशा"), "\"नि\"");                          // Devanagari: letter and vowel sign
  EXPECT_EQ(first(2, "நிலா"), "\"நிலா\"");                        // Tamil
  EXPECT_EQ(first(1, "\u1112\u1161\u11ab\u1100"), "\"\ud55c\"");  // Hangul jamo, composed
  EXPECT_EQ(first(1, "👩‍👩‍👧‍👦 family"), "\"👩‍👩‍👧‍👦\"");  // joined by ZWJ
  EXPECT_EQ(first(1, "👍🏽!"), "\"👍🏽\"");
  EXPECT_EQ(first(1, "🇺🇸🇨🇳"), "\"🇺🇸\"");  // two regional indicators a flag
  EXPECT_EQ(first(2, "日本語"), "\"日本\"");
  EXPECT_EQ(first(4, "Zoe\u0308y"), "\"Zo\u00eby\"");  // NFC
  EXPECT_EQ(first(3, "Zoe\u0308y"), "\"Zo\u00eb\"");   // the mark right behind the third letter
  EXPECT_EQ(first(2, "\"\n\t"), R"("\"\n")");
}

TEST(Form, FirstIsTheSameForEquivalentTexts) {
  // Every code point that decomposes canonically: composed and decomposed, before and behind a letter.
  int checked = 0;
  for (utf8proc_int32_t point = 0xa0; point < 0x30000; ++point) {
    if (!utf8proc_codepoint_valid(point)) continue;
    std::array<utf8proc_uint8_t, 4> buffer;
    const auto size = utf8proc_encode_char(point, buffer.data());
    const std::string composed(reinterpret_cast<const char*>(buffer.data()), static_cast<std::size_t>(size));
    const auto* properties = utf8proc_get_property(point);
    if (properties->decomp_type != 0 || properties->decomp_seqindex == UINT16_MAX) continue;
    if (to_nfc(composed) != composed) continue;  // excluded from composition
    utf8proc_uint8_t* decomposed = utf8proc_NFD(reinterpret_cast<const utf8proc_uint8_t*>(composed.c_str()));
    const std::string apart(reinterpret_cast<const char*>(decomposed));
    std::free(decomposed);
    for (std::size_t count = 1; count <= 2; ++count) {
      ASSERT_EQ(first_characters("x" + composed + "y", count, 32), first_characters("x" + apart + "y", count, 32))
          << std::hex << point;
    }
    ++checked;
  }
  EXPECT_GT(checked, 900);
}

TEST(Form, FirstDoesNotLetMarksCarryMore) {
  std::string marks = "a";
  for (int i = 0; i < 5000; ++i) marks += "\u0301";
  EXPECT_LE(given(FieldType::text, "first 1", marks + "b").size(), 2 * Former::kClusterPointsMax + 2);
}

TEST(Form, RangesCountTowardsMinusInfinity) {
  EXPECT_EQ(given(FieldType::integer, "range of 1000", "2999"), "\"2000..2999\"");
  EXPECT_EQ(given(FieldType::integer, "range of 1000", "3000"), "\"3000..3999\"");
  EXPECT_EQ(given(FieldType::integer, "range of 1000", "0"), "\"0..999\"");
  EXPECT_EQ(given(FieldType::integer, "range of 1000", "-1"), "\"-1000..-1\"");
  EXPECT_EQ(given(FieldType::integer, "range of 1000", "-1000"), "\"-1000..-1\"");
  EXPECT_EQ(given(FieldType::integer, "range of 1000", "-9223372036854775808"),
            "\"-9223372036854776000..-9223372036854775001\"");
  EXPECT_EQ(given(FieldType::decimal, "range of 10", "19.99"), "\"10..19\"");
  EXPECT_EQ(given(FieldType::decimal, "range of 10", "-0.01"), "\"-10..-1\"");
  EXPECT_EQ(given(FieldType::decimal, "range of 1", "7.5"), "\"7..7\"");
  EXPECT_EQ(given(FieldType::duration, "range of 60", "119.999s"), "\"60..119\"");
}

TEST(Form, AgeBands) {
  const auto band = [](std::string_view born) { return given(FieldType::date, "age band of 10", born); };
  EXPECT_EQ(band("1990-04-30"), "\"30..39\"");
  EXPECT_EQ(band("1986-11-23"), "\"40..49\"");  // forty today
  EXPECT_EQ(band("1986-11-24"), "\"30..39\"");  // tomorrow
  EXPECT_EQ(band("2026-11-23"), "\"0..9\"");
  EXPECT_EQ(band("2026-11-24"), "(left out)");  // not born yet
  EXPECT_EQ(band("1937-01-01"), "\"80..89\"");
  EXPECT_EQ(band("1936-11-23"), "\"90+\"");
  EXPECT_EQ(band("1900-01-01"), "\"90+\"");
  EXPECT_EQ(given(FieldType::date, "age band of 25", "1930-01-01"), "\"75..99\"");  // "90+" would say more
  EXPECT_EQ(given(FieldType::date, "age band of 25", "1920-01-01"), "\"100+\"");
  constexpr UnixMillis day_ms = 86'400'000, feb_28 = 1'772'236'800'000;  // 2026-02-28T00:00Z
  EXPECT_EQ(given(FieldType::date, "age band of 2", "2016-02-29", feb_28), "\"8..9\"");
  EXPECT_EQ(given(FieldType::date, "age band of 2", "2016-02-29", feb_28 + day_ms), "\"10..11\"");
}

TEST(Form, PlacesAreRounded) {
  EXPECT_EQ(given(FieldType::text, "place to 1 decimal", "52.5200,13.4050"), "\"52.5,13.4\"");
  EXPECT_EQ(given(FieldType::text, "place to 0 decimals", "-0.4, 179.5"), "\"0,180\"");
  EXPECT_EQ(given(FieldType::text, "place to 2 decimals", "-33.865,151"), "\"-33.87,151.00\"");
  EXPECT_EQ(given(FieldType::text, "place to 1 decimal", "90,-180"), "\"90.0,-180.0\"");
  for (const std::string_view text : {"", "Berlin", "52.5", "52.5,13.4,1", "91,0", "0,180.5", "1e1,2", "52,5;13,4"}) {
    EXPECT_EQ(given(FieldType::text, "place to 1 decimal", text), "(left out)") << text;
  }
}

TEST(Form, RefusesWhatATypeCannotTake) {
  EXPECT_EQ(given(FieldType::text, "year", "x"), "disclosure.form.unfit");
  EXPECT_EQ(given(FieldType::integer, "first 3", "1"), "disclosure.form.unfit");
  EXPECT_FALSE(Former::create({"f", FieldType::text, "user", 1}, {agreement::Form::Kind::token}, nullptr));
}

TEST(Form, NoFormIsMadeOfStoredBytesOfAnotherType) {
  const Bytes stored = value_from_text(FieldType::boolean, "true").value();
  for (const FieldType type : {FieldType::text, FieldType::integer, FieldType::decimal, FieldType::date,
                               FieldType::time, FieldType::duration, FieldType::text_list, FieldType::bytes}) {
    for (const std::string_view form :
         {"clear", "token", "year", "month", "first 3", "range of 10", "age band of 10", "place to 1 decimal"}) {
      const auto parsed = agreement::parse_form(form).value();
      if (!agreement::fits(parsed, type)) continue;
      std::string out = "before";
      const auto outcome = Former::create({"f", type, "user", 1}, parsed, token_key())->append(out, stored, kNow);
      ASSERT_FALSE(outcome) << form;
      EXPECT_EQ(outcome.error().slug, "disclosure.value.stored");
      EXPECT_EQ(out, "before");
    }
  }
}

struct Record {
  const Bytes* find(std::uint32_t tag) const {
    const auto at = values.find(tag);
    return at == values.end() ? nullptr : &at->second;
  }
  std::map<std::uint32_t, Bytes> values;
};

TEST(Form, ARecordBecomesAnObjectOfTheFieldsGiven) {
  agreement::Plan plan;
  plan.collections.emplace_back().name = "profile";
  plan.collections.back().fields = {{"email", FieldType::text, "user.contact.email", 1},
                                    {"zip", FieldType::text, "user.contact.address", 2},
                                    {"born", FieldType::date, "user.demographic", 3},
                                    {"name \"x\"", FieldType::text, "user.name", 4}};
  const agreement::GivenCollection support{.collection = 0,
                                           .fields = {{0, {agreement::Form::Kind::redacted}},
                                                      {2, {agreement::Form::Kind::year}},
                                                      {1, {agreement::Form::Kind::first, 3}},
                                                      {3, {agreement::Form::Kind::clear}}}};
  const auto former = RecordFormer::create(plan, support, token_key());
  ASSERT_TRUE(former);
  EXPECT_EQ(former->name(), "profile");
  Record record;
  std::string out = "[";
  ASSERT_TRUE(former->append(out, record, kNow));
  EXPECT_EQ(out, "[{}");
  record.values[1] = value_from_text(FieldType::text, "a@example.org").value();
  record.values[2] = value_from_text(FieldType::text, "94107").value();
  record.values[3] = value_from_text(FieldType::date, "1990-04-30").value();
  record.values[4] = value_from_text(FieldType::text, "Ada").value();
  out = "[";
  ASSERT_TRUE(former->append(out, record, kNow));
  EXPECT_EQ(out, R"([{"born":"1990","zip":"941","name \"x\"":"Ada"})");
  record.values[2] = "no such value";
  out = "[";
  const auto corrupt = former->append(out, record, kNow);
  ASSERT_FALSE(corrupt);
  EXPECT_EQ(corrupt.error().where, "zip");
  EXPECT_EQ(out, "[");
}

}  // namespace
}  // namespace holdfast::disclosure
