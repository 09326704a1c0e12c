#include "disclosure/token.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdlib>
#include <set>

#include "base/file.h"
#include "base/hash.h"
#include "disclosure/value.h"

namespace holdfast::disclosure {
namespace {

using agreement::FieldType;

TokenKeys keys(char seed = 'r') { return TokenKeys(Key256::from(std::string(32, seed)).value()); }

std::string token(const TokenKey& key, std::string_view category, FieldType type, std::string_view text) {
  std::string out;
  key.append(out, category, type, value_from_text(type, text).value());
  return out;
}

TEST(Token, IsTheKeyedHashThatTheHeaderSays) {
  Bytes purpose = "holdfast token v1";
  put_sized(purpose, "bytedance");
  put_sized(purpose, "essential.service");
  const Key256 key = derive_key(Key256::from(std::string(32, 'r')).value(), purpose);
  Bytes message;
  put_sized(message, "user.contact.email");
  message += "tada@example.org";
  EXPECT_EQ(
      token(keys().key_for("bytedance", "essential.service"), "user.contact.email", FieldType::text, "ada@example.org"),
      "tok_" + to_base64url(hmac_sha256(key.view(), message).view().substr(0, 18)));
}

TEST(Token, IsTheSameForTheSameValueOnly) {
  const TokenKey key = keys().key_for("bytedance", "support");
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) {
    const std::string value = "user" + std::to_string(i) + "@example.org";
    const std::string made = token(key, "user.contact.email", FieldType::text, value);
    ASSERT_EQ(made.size(), kTokenSize);
    ASSERT_EQ(made, token(key, "user.contact.email", FieldType::text, value));
    ASSERT_TRUE(seen.insert(made).second) << "two values, one token";
  }
}

TEST(Token, OfTwoRecipientsUsesCategoriesTypesOrRootsCannotBeJoined) {
  std::set<std::string> seen;
  const auto add = [&seen](const TokenKey& key, std::string_view category, FieldType type) {
    EXPECT_TRUE(seen.insert(token(key, category, type, "42")).second);
  };
  for (const char root : {'r', 's'}) {
    for (const std::string_view recipient : {"a", "b", "ab"}) {
      for (const std::string_view use : {"x", "y", "bx", ""}) {  // "a"+"bx" and "ab"+"x" read alike when run together
        const TokenKey key = keys(root).key_for(recipient, use);
        add(key, "user.contact", FieldType::text);
        add(key, "user.contact", FieldType::integer);
        add(key, "user.contact", FieldType::decimal);
        add(key, "user.contact.email", FieldType::text);
      }
    }
  }
}

TEST(Token, TakesCanonicallyEquivalentTextsForOne) {
  const TokenKey key = keys().key_for("a", "x");
  const auto of = [&key](std::string_view text) { return token(key, "user.name", FieldType::text, text); };
  EXPECT_EQ(of("Zo\u00eb"), of("Zoe\u0308"));
  EXPECT_EQ(of("\ud55c"), of("\u1112\u1161\u11ab"));
  EXPECT_NE(of("Zo\u00eb"), of("Zoe"));
  EXPECT_NE(of("\ufb01"), of("fi"));  // compatibility is no equivalence
}

TEST(Token, OfManyMarksTakesNoQuadraticTime) {
  std::string marks = "a";
  while (marks.size() + 4 < kValueBytesMax) marks += "\u0301\u0316";  // classes 230 and 220: to be sorted
  const TokenKey key = keys().key_for("a", "x");
  for (int i = 0; i < 50; ++i) EXPECT_EQ(token(key, "user.name", FieldType::text, marks).size(), kTokenSize);
}

/// Where published vectors lie that the project does not carry; empty when they are not there.
std::string shared_vectors() {
  const char* folder = std::getenv("HOLDFAST_SHARED_DATA");
  return (folder != nullptr ? std::string(folder) : HOLDFAST_SOURCE_DIR "/../shared/data") + "/vectors/";
}

TEST(Token, WycheproofHmac) {
  const auto file = read_file(shared_vectors() + "hmac_sha256_test.json");
  if (!file) GTEST_SKIP() << "no Wycheproof vectors here";
  int checked = 0;
  const boost::json::value document = boost::json::parse(*file);
  for (const auto& group : document.at("testGroups").as_array()) {
    for (const auto& test : group.at("tests").as_array()) {
      const auto bytes = [&test](const char* name) { return from_hex(std::string(test.at(name).as_string())).value(); };
      const Hash mac = hmac_sha256(bytes("key"), bytes("msg"));
      const Bytes tag = bytes("tag");
      EXPECT_EQ(mac.view().substr(0, tag.size()) == tag, test.at("result").as_string() == "valid") << test;
      ++checked;
    }
  }
  EXPECT_GT(checked, 100);
}

TEST(Token, WycheproofHkdf) {
  const auto file = read_file(shared_vectors() + "hkdf_sha256_test.json");
  if (!file) GTEST_SKIP() << "no Wycheproof vectors here";
  const boost::json::value document = boost::json::parse(*file);
  int checked = 0;
  for (const auto& group : document.at("testGroups").as_array()) {
    for (const auto& test : group.at("tests").as_array()) {
      const auto bytes = [&test](const char* name) { return from_hex(std::string(test.at(name).as_string())).value(); };
      // Ours takes 32-byte keys, no salt, and gives 32 bytes; shorter outputs of HKDF are a prefix of longer ones.
      const std::size_t size = bytes("okm").size();
      if (bytes("ikm").size() != 32 || !bytes("salt").empty() || size > 32 || size == 0) continue;
      const Key256 key = derive_key(Key256::from(bytes("ikm")).value(), bytes("info"));
      EXPECT_EQ(key.view().substr(0, size) == bytes("okm"), test.at("result").as_string() == "valid") << test;
      ++checked;
    }
  }
  EXPECT_GT(checked, 0);
}

}  // namespace
}  // namespace holdfast::disclosure
