// Sums over all subjects, as the log tells of them: a window's budget is spent once.
#include <gtest/gtest.h>

#include <map>

#include "base/hash.h"
#include "ledger/ledger.h"

namespace holdfast::ledger {
namespace {

using namespace evidence;

constexpr UnixMillis kDay = 86'400'000;
constexpr UnixMillis kMonday = 1'795'392'000'000;  // 2026-11-23T00:00Z

class Aggregates : public testing::Test {
 protected:
  Aggregates() { adopt(1); }

  static std::string terms(const std::string& epsilon = "1") {
    return "privacy: {epsilon: " + epsilon + ", delta: 1e-9, per: week, contributions: 20}";
  }
  void adopt(unsigned number, const std::string& privacy = terms()) {
    const auto party = [](const SigningKey& key) { return key.verifier().text() + "}\n"; };
    const std::string text =
        "holdfast: 1\nagreement: test\nversion: " + std::to_string(number) +
        "\nsubjects: {country: US}\nparties:\n  acme: {role: operator, country: CN, key: " + party(keys[0]) +
        "  oak: {role: trustee, country: US, key: " + party(keys[1]) +
        "  treasury: {role: overseer, country: US, key: " + party(keys[2]) +
        "  app: {role: recipient, country: US}\ncollections:\n  views:\n    from: [app]\n    key: event\n    keep: 5y\n"
        "    fields:\n      video: {type: text, category: user.behavior}\nflows:\n"
        "  history:\n    to: acme\n    use: essential.service\n    gives: {views: {video: token}}\n"
        "  report:\n    to: acme\n    use: functional.service.improve\n"
        "    aggregate: {from: views, by: [video], measure: {views: count}, " +
        privacy +
        "}\n"
        "changes:\n  agreement: {signed-by: [operator, trustee, overseer]}\n";
    Note note = *Note::create(text);
    AgreementAdopted adopted{sha256(text), "test", number, {}};
    for (const SigningKey& signer : keys) {
      note.sign(signer);
      adopted.signed_by.push_back(signer.verifier().text());
    }
    documents[document_path(DocumentKind::agreement, adopted.document)] = note.encode();
    version = number;
    ASSERT_EQ(put("oak", adopted), "");
  }
  DocumentReader reader() {
    return [this](DocumentKind kind, const Hash& hash) -> Result<std::string> {
      return documents.at(document_path(kind, hash));
    };
  }
  std::string put(const std::string& party, Event event) {
    const Entry entry{now, version, party, std::move(event)};
    const auto right = ledger.admit(entry);
    ledger.apply(index++, entry);
    return right ? "" : std::string(right.error().slug);
  }
  static AggregateReleased first(const std::string& table = "table", const std::string& epsilon = "1") {
    AggregateReleased out = again(table);
    out.spent = PrivacySpent{"1e-9", epsilon};
    return out;
  }
  static AggregateReleased again(const std::string& table = "table") {
    return {"report", "acme", R"({"views":{"video":"aggregate"}})", 12, sha256(table), 900, {}};
  }

  const std::vector<SigningKey> keys = [] {
    std::vector<SigningKey> out;
    for (const char* name : {"acme", "oak", "treasury"})
      out.push_back(*SigningKey::from_seed(name, std::string(32, name[0])));
    return out;
  }();
  std::map<std::string, std::string> documents;
  Ledger ledger{reader()};
  std::uint64_t index = 0;
  UnixMillis now = kMonday + 3 * kDay;
  std::uint32_t version = 0;
};

TEST_F(Aggregates, TheFirstOfAWindowSpendsItsBudget) {
  EXPECT_EQ(put("acme", again()), "aggregate.budget");
  EXPECT_EQ(put("acme", first("table", "0.5")), "aggregate.budget");
}

TEST_F(Aggregates, WithinAWindowTheSameIsToldAndNothingElse) {
  EXPECT_FALSE(ledger.aggregated("report", now));
  ASSERT_EQ(put("acme", first()), "");
  const auto spent = ledger.aggregated("report", now);
  ASSERT_TRUE(spent);
  EXPECT_EQ(spent->until, kMonday + 7 * kDay);
  EXPECT_EQ(spent->digest, sha256("table"));
  EXPECT_EQ(put("acme", again()), "");
  EXPECT_EQ(put("acme", again("another")), "aggregate.spent");
  now = kMonday + 7 * kDay - 1;
  EXPECT_EQ(put("acme", again()), "");
  now = kMonday + 7 * kDay;
  EXPECT_FALSE(ledger.aggregated("report", now));
  EXPECT_TRUE(ledger.aggregated("report", 0)) << "time goes forward only, and the log knows of no later one";
  EXPECT_EQ(put("acme", first("next")), "");
  // A second one spends twice: it was wrong, and what was told is what was told last.
  EXPECT_EQ(put("acme", first("third")), "aggregate.spent");
}

TEST_F(Aggregates, AreForTheirRecipientAndAsDeclared) {
  EXPECT_EQ(put("app", first()), "release.recipient");
  AggregateReleased other = first();
  other.to = "app";
  EXPECT_EQ(put("acme", other), "release.recipient");
  other = first();
  other.gives = R"({"views":{"video":"clear"}})";
  EXPECT_EQ(put("acme", other), "release.form");
  other = first();
  other.flow = "nothing";
  EXPECT_EQ(put("acme", other), "release.undeclared");
  other = first();
  other.flow = "history";
  other.gives = R"({"views":{"video":"token"}})";
  EXPECT_EQ(put("acme", other), "release.aggregate");
  const Pseudonym who = *Pseudonym::from("0123456789abcdef");
  EXPECT_EQ(put("acme", Released{"report", "acme", who, R"({"views":{"video":"aggregate"}})", 1, {}, 10}),
            "release.aggregate");
}

TEST_F(Aggregates, OtherTermsWaitForTheNextWindow) {
  ASSERT_EQ(put("acme", first()), "");
  adopt(2);
  EXPECT_EQ(put("acme", again()), "") << "the same terms in a new version";
  adopt(3, terms("2"));
  EXPECT_EQ(put("acme", again()), "aggregate.spent");
  now = kMonday + 7 * kDay;
  EXPECT_EQ(put("acme", first("next", "2")), "");
}

TEST_F(Aggregates, OutliveASnapshot) {
  ASSERT_EQ(put("acme", first()), "");
  auto restored = Ledger::restore(ledger.snapshot(), reader());
  ASSERT_TRUE(restored) << restored.error().text();
  EXPECT_EQ(restored->snapshot(), ledger.snapshot());
  ASSERT_TRUE(restored->aggregated("report", now));
  EXPECT_EQ(restored->aggregated("report", now)->digest, sha256("table"));
  ASSERT_EQ(restored->tallies().size(), 1u);
  EXPECT_EQ(restored->tallies()[0].releases, 1u);
  EXPECT_EQ(restored->tallies()[0].records, 12u);
}

}  // namespace
}  // namespace holdfast::ledger
