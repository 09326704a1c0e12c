#include "disclosure/inspect.h"

#include <gtest/gtest.h>

#include <map>

#include "agreement/form.h"
#include "disclosure/value.h"

namespace holdfast::disclosure {
namespace {

using agreement::FieldType;
constexpr std::string_view kToken = "tok_abcdefghijABCDEFGHIJ01_-";

struct Record {
  const Bytes* find(std::uint32_t tag) const {
    const auto at = values.find(tag);
    return at == values.end() ? nullptr : &at->second;
  }
  std::map<std::uint32_t, Bytes> values;
};

class Inspect : public testing::Test {
 protected:
  void SetUp() override {
    agreement::GivenCollection given;
    agreement::Collection profile;
    profile.name = "profile";
    const auto add = [&](std::string_view name, FieldType type, std::string_view form, std::string_view value) {
      const auto index = static_cast<agreement::FieldIndex>(profile.fields.size());
      profile.fields.push_back({std::string(name), type, "user.contact", index});
      given.fields.push_back({index, agreement::parse_form(form).value()});
      record_.values[index] = value_from_text(type, value).value();
    };
    add("email", FieldType::text, "token", "ada@example.org");
    add("name", FieldType::text, "clear", "Ada \"x\" Lovelace");
    add("street", FieldType::text, "first 4", "Königsstraße 5");
    add("born", FieldType::date, "year", "1990-04-30");
    add("zip", FieldType::text, "first 5", "94107-1234");
    add("phone", FieldType::text, "redacted", "+1 555 0100");
    add("spent", FieldType::decimal, "range of 10", "12.5");
    add("tags", FieldType::text_list, "clear", "[\"a]\",\"b}\"]");
    add("at", FieldType::text, "place to 1 decimal", "52.52,13.40");
    add("age", FieldType::date, "age band of 10", "1990-04-30");
    add("month", FieldType::time, "month", "2026-11-23T00:00:00Z");
    agreement::Plan plan;
    plan.collections.push_back(profile);
    former_.emplace(RecordFormer::create(
                        plan, given, std::make_shared<const TokenKey>(TokenKeys(Key256::random()).key_for("a", "b")))
                        .value());
    ASSERT_TRUE(former_->append(good_, record_, 1'795'392'000'000));
  }

  /// The slug and the place, or "ok".
  std::string found(std::string_view object) const {
    const auto passed = inspect(*former_, object, record_);
    if (passed) return "ok";
    EXPECT_EQ(passed.error().what.find("example.org"), std::string::npos);
    return std::string(passed.error().slug) + " " + passed.error().where;
  }
  std::string found_with(std::string_view field, std::string_view value) const {
    return found("{\"" + std::string(field) + "\":" + std::string(value) + "}");
  }

  std::optional<RecordFormer> former_;
  Record record_;
  std::string good_;
};

TEST_F(Inspect, PassesWhatTheFormerMakes) {
  EXPECT_EQ(found(good_), "ok") << good_;
  EXPECT_EQ(found("{}"), "ok");
}

TEST_F(Inspect, NoCutOrRepeatedOrTrailingObjectPasses) {
  for (std::size_t size = 0; size < good_.size(); ++size) EXPECT_NE(found(good_.substr(0, size)), "ok") << size;
  EXPECT_EQ(found(good_ + "x"), "inspect.field profile.*");
  EXPECT_EQ(found(good_ + good_), "inspect.field profile.*");
}

TEST_F(Inspect, FindsFieldsThatWereNotAgreed) {
  EXPECT_EQ(found_with("password", "\"x\""), "inspect.field profile.*");
  EXPECT_EQ(found(R"({"born":"1990","born":"1990"})"), "inspect.field profile.*");
  EXPECT_EQ(found(R"({"born":"1990",})"), "inspect.field profile.*");
  EXPECT_EQ(found(R"({"born":})"), "inspect.field profile.*");
  record_.values.erase(3);
  EXPECT_EQ(found_with("born", "\"1990\""), "inspect.field profile.born");
}

TEST_F(Inspect, FindsTextsThatAreToBeWithheld) {
  EXPECT_EQ(found_with("email", "\"ada@example.org\""), "inspect.leak profile.email");
  EXPECT_EQ(found_with("email", "\"tok_ada@example.org_________\""), "inspect.leak profile.email");
  EXPECT_EQ(found_with("born", "\"ada@example.org\""), "inspect.leak profile.email");
  EXPECT_EQ(found_with("phone", "\"+1 555 0100\""), "inspect.leak profile.phone");
  EXPECT_EQ(found_with("street", "\"Königsstraße 5\""), "inspect.leak profile.street");
  EXPECT_EQ(found_with("zip", "\"94107-1234\""), "inspect.leak profile.zip");
}

TEST_F(Inspect, CutsShortTextsToo) {
  record_.values[4] = value_from_text(FieldType::text, "9410712").value();
  EXPECT_EQ(found_with("zip", "\"94107\""), "ok");
  EXPECT_EQ(found_with("zip", "\"941071\""), "inspect.leak profile.zip");
  EXPECT_EQ(found_with("zip", "\"\\u0039410712\""), "inspect.leak profile.zip");  // escapes hide nothing
  EXPECT_EQ(found_with("zip", "\"1\""), "inspect.shape profile.zip");             // not its beginning
  EXPECT_EQ(found_with("zip", "\"\\u00zz\""), "inspect.shape profile.zip");
  EXPECT_EQ(found_with("zip", "\"\xff\""), "inspect.shape profile.zip");
  record_.values[2] = value_from_text(FieldType::text, "Ko\u0308nig").value();  // not in NFC as it is stored
  EXPECT_EQ(found_with("street", "\"K\u00f6ni\""), "ok");
  EXPECT_EQ(found_with("street", "\"K\u00f6nig\""), "inspect.leak profile.street");
}

TEST_F(Inspect, LetsAShortTextBeItsOwnBeginning) {
  record_.values[2] = value_from_text(FieldType::text, "日本日本").value();  // twelve bytes, four characters
  EXPECT_EQ(found_with("street", "\"日本日本\""), "ok");
}

TEST_F(Inspect, FindsWrongShapes) {
  EXPECT_EQ(found_with("email", '"' + std::string(kToken) + '"'), "ok");
  EXPECT_EQ(found_with("email", "\"tok_short\""), "inspect.shape profile.email");
  EXPECT_EQ(found_with("email", "null"), "inspect.shape profile.email");
  EXPECT_EQ(found_with("email", '"' + std::string(kToken.substr(0, 27)) + "@\""), "inspect.shape profile.email");
  EXPECT_EQ(found_with("born", "\"1990-04-30\""), "inspect.shape profile.born");
  EXPECT_EQ(found_with("month", "\"2026-11-23\""), "inspect.shape profile.month");
  EXPECT_EQ(found_with("phone", "\"x\""), "inspect.shape profile.phone");
  EXPECT_EQ(found_with("spent", "\"12.5\""), "inspect.shape profile.spent");
  EXPECT_EQ(found_with("age", "\"36\""), "inspect.shape profile.age");
  EXPECT_EQ(found_with("at", "\"52.52,13.40\""), "inspect.leak profile.at");
  EXPECT_EQ(found_with("at", "\"52.52,13.4\""), "inspect.shape profile.at");
}

TEST_F(Inspect, FindsAnotherFieldsValueInTheClear) {
  EXPECT_EQ(found_with("name", R"("Ada \"x\" Lovelace")"), "ok");
  EXPECT_EQ(found_with("name", "\"ada@example.org\""), "inspect.value profile.name");
  EXPECT_EQ(found_with("tags", "[\"a]\"]"), "inspect.value profile.tags");
}

}  // namespace
}  // namespace holdfast::disclosure
