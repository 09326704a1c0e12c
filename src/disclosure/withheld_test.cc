#include "disclosure/withheld.h"

#include <gtest/gtest.h>

#include "disclosure/padding.h"
#include "disclosure/value.h"

namespace holdfast::disclosure {
namespace {

using agreement::FieldType;

Bytes stored(FieldType type, std::string_view text) { return *value_from_text(type, text); }

TEST(Withheld, FindsTextsWhereverTheyStand) {
  Withheld withheld;
  EXPECT_TRUE(withheld.empty());
  EXPECT_FALSE(withheld.occurs_in("anything"));
  withheld.add(FieldType::text, stored(FieldType::text, "zoe@example.org"));
  withheld.add(FieldType::text_list, stored(FieldType::text_list, R"(["climbing","go"])"));
  withheld.add(FieldType::bytes, stored(FieldType::bytes, "AAECAwQFBgc="));
  EXPECT_TRUE(withheld.occurs_in("zoe@example.org"));
  EXPECT_TRUE(withheld.occurs_in(ByteView("v1\0v2zoe@example.orgv3", 22)));
  EXPECT_TRUE(withheld.occurs_in("she likes climbing"));
  EXPECT_TRUE(withheld.occurs_in(ByteView("x\0\1\2\3\4\5\6\7y", 10)));
  EXPECT_FALSE(withheld.occurs_in("zoe@example.com"));
  EXPECT_FALSE(withheld.occurs_in("go go go"));  // too short to tell anything
  EXPECT_FALSE(withheld.occurs_in(""));
}

TEST(Withheld, WhoWasGivenATextMaySayIt) {
  Withheld withheld;
  withheld.add(FieldType::text, stored(FieldType::text, "Berlin"));
  withheld.add(FieldType::text, stored(FieldType::text, "secret@example.org"));
  EXPECT_TRUE(withheld.occurs_in("Berlin at night"));
  EXPECT_FALSE(withheld.occurs_in("Berlin at night", "video: Berlin at night"));
  EXPECT_TRUE(withheld.occurs_in("Berlin, secret@example.org", "Berlin"));
}

TEST(Withheld, ValuesOfOtherTypesAndDamagedOnesHaveNoTexts) {
  Withheld withheld;
  withheld.add(FieldType::integer, stored(FieldType::integer, "1234567890"));
  withheld.add(FieldType::date, stored(FieldType::date, "1990-04-01"));
  withheld.add(FieldType::text, "not a stored text");
  withheld.add(FieldType::text_list, "l\xff\xff");
  EXPECT_TRUE(withheld.empty());
}

TEST(Padding, LengthsAreOfFewKinds) {
  EXPECT_EQ(padded_size(2, 16384), 1024u);
  EXPECT_EQ(padded_size(1024, 16384), 1024u);
  EXPECT_EQ(padded_size(1025, 16384), 2048u);
  EXPECT_EQ(padded_size(9000, 16384), 16384u);
  EXPECT_EQ(padded_size(9000, 10000), 10000u);
  EXPECT_EQ(padded_size(100, 512), 512u);
}

}  // namespace
}  // namespace holdfast::disclosure
