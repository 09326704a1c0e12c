#include "sealed/provenance/statement.h"

#include <gmock/gmock.h>

#include "base/hash.h"

namespace holdfast::sealed {
namespace {

const ModuleStatement kStatement{"feed-ranker",
                                 sha256("module"),
                                 2,
                                 {sha256("root"), 12},
                                 "bytedance, build room 3",
                                 "Debian clang version 14.0.6",
                                 {"--target=wasm32-wasi", "-O3"}};

SigningKey key(std::string name, char fill) {
  return std::move(SigningKey::from_seed(std::move(name), std::string(32, fill)).value());
}

TEST(Statement, ComesBackAsItWas) {
  const auto json = to_json(kStatement);
  ASSERT_TRUE(json);
  EXPECT_THAT(*json,
              testing::StartsWith(R"({"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"feed-ranker")"));
  const auto read = parse_statement(*json);
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(*read, kStatement);
}

TEST(Statement, WhatIsWrongIsNamed) {
  const auto where = [](std::string_view from, std::string_view to) {
    std::string json = to_json(kStatement).value();
    json.replace(json.find(from), from.size(), to);
    const auto read = parse_statement(json);
    if (read) return std::string("good");
    EXPECT_EQ(read.error().slug, "sealed.statement.malformed");
    return read.error().where;
  };
  EXPECT_EQ(where("feed-ranker", "Feed"), "subject.name");
  EXPECT_EQ(where("\"sha256\":\"", "\"sha256\":\"00"), "subject");
  EXPECT_EQ(where("\"version\":2", "\"version\":0"), "predicate.version");
  EXPECT_EQ(where("\"version\":2", "\"version\":4294967296"), "predicate.version");
  EXPECT_EQ(where("\"version\":2,", ""), "predicate");
  EXPECT_EQ(where("\"files\":12", "\"files\":0"), "predicate.source.files");
  EXPECT_EQ(where("holdfast-source-v1", "holdfast-source-v2"), "predicate.source");
  EXPECT_EQ(where("bytedance, build room 3", ""), "predicate.builder");
  EXPECT_EQ(where("Debian clang", "Debian\\u0000clang"), "predicate.compiler");
  EXPECT_EQ(where("\"-O3\"", "3"), "predicate.flags");
  for (const std::string acting : {"\\u009b", "\\u202e", "\\u2066", "\\u200f", "\\u2028", "\\ufeff"}) {
    EXPECT_EQ(where("bytedance, build room 3", "a" + acting + "b"), "predicate.builder") << acting;
    EXPECT_EQ(where("Debian clang", "Debian" + acting), "predicate.compiler") << acting;
    EXPECT_EQ(where("-O3", "-O3" + acting), "predicate.flags") << acting;
  }
  EXPECT_EQ(where("\"builder\"", "\"extra\":1,\"builder\""), "predicate");
  EXPECT_EQ(where("Statement/v1", "Statement/v9"), "");
  ModuleStatement bad = kStatement;
  bad.flags.assign(300, "-O3");
  EXPECT_FALSE(to_json(bad));
}

/// https://github.com/secure-systems-lab/dsse/blob/master/protocol.md: what is signed is fixed there.
TEST(Statement, SignaturesAreThoseOfDsse) {
  const SigningKey operator_key = key("bytedance", 1);
  Envelope envelope{to_json(kStatement).value(), {}};
  envelope.sign(operator_key);
  const std::string message =
      "DSSEv1 28 application/vnd.in-toto+json " + std::to_string(envelope.payload.size()) + " " + envelope.payload;
  EXPECT_TRUE(operator_key.verifier().verifies(message, envelope.signatures.at(0).signature));
}

TEST(Statement, AnEnvelopeGathersSignaturesAndTellsWhoseTheyAre) {
  const SigningKey one = key("bytedance", 1), two = key("oracle", 2), three = key("treasury", 3);
  Envelope envelope{to_json(kStatement).value(), {}};
  envelope.sign(one);
  envelope.sign(three);
  envelope.sign(one);  // again: replaces
  const auto read = Envelope::parse(envelope.encode());
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->signatures.size(), 2u);
  const std::vector<VerifierKey> keys = {one.verifier(), two.verifier(), three.verifier()};
  EXPECT_THAT(read->verify(keys).value(), testing::ElementsAre(0, 2));
}

/// The key's last part is base64, which may hold a plus sign of its own.
TEST(Statement, AKeyIsNamedWithoutItself) {
  bool plus = false;
  for (char seed = 0; seed < 100; ++seed) {
    const VerifierKey verifier = key("acme", seed).verifier();
    const std::string id = key_id_of(verifier), text = verifier.text();
    EXPECT_EQ(id.size(), 13u) << id;
    ASSERT_TRUE(text.starts_with(id + "+"));
    plus = plus || text.find('+', id.size() + 1) != std::string::npos;
  }
  EXPECT_TRUE(plus) << "no key put it to the test";
}

TEST(Statement, ASignatureOverSomethingElseIsAnError) {
  const SigningKey one = key("bytedance", 1);
  Envelope envelope{to_json(kStatement).value(), {}};
  envelope.sign(one);
  envelope.payload += " ";
  const std::vector<VerifierKey> keys = {one.verifier()};
  const auto verified = envelope.verify(keys);
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().slug, "sealed.signature.wrong");
  const std::vector<VerifierKey> others = {key("bytedance", 9).verifier()};  // the same name, another key
  EXPECT_THAT(envelope.verify(others).value(), testing::IsEmpty());
}

TEST(Statement, DamagedEnvelopesDoNotRead) {
  Envelope envelope{to_json(kStatement).value(), {}};
  envelope.sign(key("bytedance", 1));
  const std::string good = envelope.encode();
  ASSERT_TRUE(Envelope::parse(good));
  for (std::size_t size = 0; size < good.size(); ++size) {
    const auto read = Envelope::parse(good.substr(0, size));
    ASSERT_FALSE(read) << size;
    EXPECT_EQ(read.error().slug, "sealed.envelope.malformed");
  }
  EXPECT_FALSE(Envelope::parse(std::string(300'000, ' ') + good));
  EXPECT_FALSE(Envelope::parse(std::string(100'000, '[')));
  Envelope twice = envelope;
  twice.signatures.push_back(twice.signatures[0]);
  EXPECT_FALSE(Envelope::parse(twice.encode()));
}

}  // namespace
}  // namespace holdfast::sealed
