#include <gtest/gtest.h>

#include <string>

#include "agreement/agreement.h"

namespace holdfast::agreement {
namespace {

SigningKey key(std::string name, char seed) {
  auto made = SigningKey::from_seed(std::move(name), std::string(32, seed));
  EXPECT_TRUE(made.has_value());
  return *std::move(made);
}

class QuorumTest : public testing::Test {
 protected:
  std::string document(int version, const std::string& signed_by, const VerifierKey& watcher,
                       std::string name = "shop") {
    return "holdfast: 1\nagreement: " + name + "\nversion: " + std::to_string(version) +
           "\nsubjects: {country: US}\nparties:\n  maker: {role: operator, country: CN, key: " +
           maker_.verifier().text() + "}\n  keeper: {role: trustee, country: US, key: " + keeper_.verifier().text() +
           "}\n  watcher: {role: overseer, country: US, key: " + watcher.text() +
           "}\n  desk: {role: recipient, country: US, key: " + desk_.verifier().text() +
           "}\ncollections:\n  profile:\n    from: [desk]\n    keep: 1y\n    fields:\n"
           "      email: {type: text, category: user.contact.email}\nflows:\n"
           "  account: {to: desk, use: essential.service, gives: {profile: {email: clear}}}\n"
           "changes:\n  agreement: {signed-by: " +
           signed_by + "}\n";
  }
  std::string document(int version) { return document(version, "[operator, trustee, overseer]", watcher_.verifier()); }

  static PlanPtr plan(const std::string& text) {
    auto made = compile(text);
    EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().text());
    return made ? *made : nullptr;
  }
  static Note note(const std::string& text, std::initializer_list<const SigningKey*> keys) {
    auto made = Note::create(text);
    EXPECT_TRUE(made.has_value());
    for (const SigningKey* each : keys) made->sign(*each);
    return *std::move(made);
  }
  static std::string_view slug(const Result<void>& result) { return result ? "" : result.error().slug; }

  SigningKey maker_ = key("maker", 'm'), keeper_ = key("keeper", 'k'), watcher_ = key("watcher", 'w'),
             desk_ = key("desk", 'd');
};

TEST_F(QuorumTest, FirstAdoptionNeedsItsOwnQuorum) {
  const auto text = document(1);
  const auto first = plan(text);
  EXPECT_EQ(slug(check_quorum(*first, *first, note(text, {&maker_, &keeper_, &watcher_}))), "");
  EXPECT_EQ(slug(check_quorum(*first, *first, note(text, {&maker_, &keeper_}))), "agreement.quorum");
  EXPECT_EQ(slug(check_quorum(*first, *first, note(text, {}))), "agreement.quorum");
}

TEST_F(QuorumTest, ANameIsNoKey) {
  const auto text = document(1);
  const auto first = plan(text);
  const SigningKey impostor = key("watcher", 'x');
  EXPECT_EQ(slug(check_quorum(*first, *first, note(text, {&maker_, &keeper_, &impostor}))), "agreement.quorum");
}

TEST_F(QuorumTest, AWrongSignatureOfAKnownKeyIsAnError) {
  const auto text = document(1);
  const auto first = plan(text);
  Note signed_note = note(text, {&maker_, &keeper_, &watcher_});
  signed_note.signatures.back().signature[5] = static_cast<char>(signed_note.signatures.back().signature[5] ^ 1);
  EXPECT_EQ(slug(check_quorum(*first, *first, signed_note)), "note.signature.wrong");
}

TEST_F(QuorumTest, ALaterAgreementNeedsTheKeysInForce) {
  const SigningKey new_watcher = key("watcher", 'n');
  const auto first = plan(document(1));
  const auto text = document(2, "any 2", new_watcher.verifier());
  const auto second = plan(text);
  EXPECT_EQ(slug(check_quorum(*first, *second, note(text, {&maker_, &keeper_, &new_watcher}))), "agreement.quorum");
  EXPECT_EQ(slug(check_quorum(*first, *second, note(text, {&maker_, &keeper_, &watcher_}))), "");
}

TEST_F(QuorumTest, ALaterAgreementIsTheNextOfItsName) {
  const auto first = plan(document(1));
  for (const int version : {1, 3}) {
    const auto text = document(version, "any 2", watcher_.verifier());
    EXPECT_EQ(slug(check_quorum(*first, *plan(text), note(text, {&maker_, &keeper_, &watcher_}))),
              "agreement.version.stale");
  }
  const auto text = document(2, "any 2", watcher_.verifier(), "other");
  EXPECT_EQ(slug(check_quorum(*first, *plan(text), note(text, {&maker_, &keeper_, &watcher_}))),
            "agreement.name.other");
}

TEST_F(QuorumTest, TheSignedTextIsTheProposedOne) {
  const auto first = plan(document(1));
  const auto second = plan(document(2));
  EXPECT_EQ(slug(check_quorum(*first, *second, note(document(3), {&maker_, &keeper_, &watcher_}))),
            "agreement.document.other");
}

TEST_F(QuorumTest, AnyCountsSigningPartiesOnly) {
  const auto text = document(1, "any 2", watcher_.verifier());
  const auto first = plan(text);
  EXPECT_EQ(slug(check_quorum(*first, *first, note(text, {&maker_, &desk_}))), "agreement.quorum");
  EXPECT_EQ(slug(check_quorum(*first, *first, note(text, {&maker_, &watcher_}))), "");
  const auto who = signers(*first, note(text, {&watcher_, &maker_}));
  ASSERT_TRUE(who.has_value());
  EXPECT_EQ(*who, (std::vector<PartyIndex>{*first->find_party("maker"), *first->find_party("watcher")}));
}

TEST_F(QuorumTest, AModuleNeedsThoseWhomTheAgreementNames) {
  const std::string text = document(1);
  const auto without = plan(text);
  EXPECT_EQ(slug(check_module_quorum(*without, {0, 1, 2})), "agreement.module.undeclared");
  const auto with = plan(text + "  module: {signed-by: [operator, keeper], seen-by: overseer}\n");
  const PartyIndex maker = *with->find_party("maker"), keeper = *with->find_party("keeper"),
                   watcher = *with->find_party("watcher");
  EXPECT_EQ(with->module_seen_by, std::vector<PartyIndex>{watcher});
  EXPECT_EQ(slug(check_module_quorum(*with, {maker, keeper})), "");
  EXPECT_EQ(slug(check_module_quorum(*with, {maker, watcher})), "agreement.module.quorum");
  EXPECT_EQ(slug(check_module_quorum(*with, {})), "agreement.module.quorum");
}

TEST_F(QuorumTest, ChangeRulesAreAllThatTheDocumentDeclares) {
  const std::string text = document(1, "any 2", watcher_.verifier());
  ASSERT_EQ(change_rules(*plan(text)).size(), 1u);
  const auto with = plan(text +
                         "  suspend: {signed-by: overseer}\n  emergency: {signed-by: any 2, for-at-most: 2d}\n"
                         "  module: {signed-by: [operator, keeper], seen-by: [overseer, watcher]}\n");
  std::string found;
  for (const ChangeRule& rule : change_rules(*with)) {
    found += std::string(rule.name) + ": " + std::string(rule.what) + " needs " + rule.needs() + "\n";
  }
  EXPECT_EQ(found,
            "agreement: a change needs any 2 of operator, trustee and overseer\n"
            "module: a module needs operator 'maker', trustee 'keeper', and seen by overseer 'watcher'\n"
            "emergency: an emergency needs any 2 of operator, trustee and overseer, and lasts at most 48 hours\n"
            "suspend: a suspension needs overseer 'watcher'\n");
}

}  // namespace
}  // namespace holdfast::agreement
