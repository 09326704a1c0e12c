#include "ledger/ledger.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <random>

#include "agreement/agreement.h"
#include "base/hash.h"
#include "ledger/window.h"

namespace holdfast::ledger {
namespace {

using namespace evidence;
using agreement::Limit;

SigningKey key(const std::string& name, char seed) { return *SigningKey::from_seed(name, std::string(32, seed)); }

Pseudonym subject(unsigned number) {
  return *Pseudonym::from(sha256("subject " + std::to_string(number)).view().substr(0, Pseudonym::kSize));
}

UnixMillis at(const char* time) { return *from_rfc3339(time); }

class LedgerTest : public testing::Test {
 protected:
  std::string text(unsigned version, const std::string& limits = "3 subjects per day") const {
    return "holdfast: 1\nagreement: test\nversion: " + std::to_string(version) +
           "\nsubjects: {country: US, served-by: [app]}\nparties:\n  acme: {role: operator, country: CN, key: " +
           operator_key.verifier().text() +
           "}\n  oak: {role: trustee, country: US, key: " + trustee_key.verifier().text() +
           "}\n  treasury: {role: overseer, country: US, key: " + overseer_key.verifier().text() +
           "}\n  app: {role: recipient, country: US, operated-by: oak}\ncollections:\n  profile:\n    from: [app]\n"
           "    keep: 5y\n    fields:\n      email: {type: text, category: user.contact.email}\nflows:\n  account:\n"
           "    to: app\n    use: essential.service\n    gives: {profile: {email: clear}}\n  support:\n    to: acme\n"
           "    use: essential.service.operations.support\n    gives: {profile: {email: token}}\n    limit: [" +
           limits + ", 64KiB per release]\nchanges:\n  agreement: {signed-by: [operator, trustee, overseer]}\n";
  }
  DocumentReader reader() {
    return [this](DocumentKind, const Hash& hash) -> Result<std::string> {
      const auto found = documents.find(hash);
      if (found == documents.end()) return fail(Code::not_found, "test.missing", "", "no such document");
      return found->second;
    };
  }
  Entry adoption(const std::string& document, unsigned version) {
    Note note = *Note::create(document);
    AgreementAdopted adopted{sha256(document), "test", version, {}};
    for (const SigningKey* signer : {&operator_key, &trustee_key, &overseer_key}) {
      note.sign(*signer);
      adopted.signed_by.push_back(signer->verifier().text());
    }
    documents[adopted.document] = note.encode();
    return {now, version, "oak", adopted};
  }
  Entry support(unsigned who, std::uint32_t version = 1) {
    return {now, version, "acme",
            Released{"support", "acme", subject(who), R"({"profile":{"email":"token"}})", 1, sha256("payload"), 64}};
  }
  Entry account(unsigned who) {
    return {now, 1, "app",
            Released{"account", "app", subject(who), R"({"profile":{"email":"clear"}})", 1, sha256("payload"), 64}};
  }
  /// "" if it was right.
  std::string put(const Entry& entry) {
    const auto right = ledger.admit(entry);
    ledger.apply(index++, entry);
    return right ? "" : std::string(right.error().slug);
  }

  const SigningKey operator_key = key("acme", 2), trustee_key = key("oak", 3), overseer_key = key("treasury", 4);
  std::map<Hash, std::string> documents;
  Ledger ledger{reader()};
  std::uint64_t index = 0;  ///< of the next entry
  UnixMillis now = at("2026-11-23T22:00:00Z");
};

TEST_F(LedgerTest, NothingBeforeTheFirstAgreement) {
  EXPECT_EQ(put({now, 0, "oak", ServerStarted{}}), "agreement.none");
  EXPECT_EQ(put(adoption(text(1), 1)), "");
  EXPECT_EQ(ledger.plan()->version, 1u);
  EXPECT_EQ(put({now, 1, "oak", ServerStarted{}}), "");
  EXPECT_EQ(put({now, 1, "acme", ServerStarted{}}), "party.wrong");
}

TEST_F(LedgerTest, AdoptionsFollowOneAnother) {
  ASSERT_EQ(put(adoption(text(1), 1)), "");
  EXPECT_EQ(put(adoption(text(1), 1)), "agreement.version.stale");
  EXPECT_EQ(put(adoption(text(3), 3)), "agreement.version.stale");
  Entry unlisted = adoption(text(2), 2);
  std::get<AgreementAdopted>(unlisted.event).signed_by.pop_back();
  EXPECT_EQ(put(unlisted), "agreement.signers.wrong");
  Entry invented = adoption(text(2), 2);
  std::get<AgreementAdopted>(invented.event).signed_by.push_back(key("eve", 9).verifier().text());
  EXPECT_EQ(put(invented), "agreement.signers.wrong");
  EXPECT_EQ(ledger.plan()->version, 1u);
  EXPECT_EQ(put(adoption(text(2), 2)), "");
  EXPECT_EQ(ledger.adoptions().size(), 2u);
}

TEST_F(LedgerTest, AdoptionThatFailedForWantOfItsDocumentMayBeTriedAgain) {
  const Entry entry = adoption(text(1), 1);
  const auto kept = documents;
  documents.clear();
  EXPECT_EQ(ledger.admit(entry).error().slug, "agreement.document.missing");
  documents = kept;
  EXPECT_TRUE(ledger.admit(entry));
}

TEST_F(LedgerTest, ReleasesAreHeldAgainstTheFlow) {
  ASSERT_EQ(put(adoption(text(1), 1)), "");
  EXPECT_EQ(put(account(1)), "");
  EXPECT_EQ(put(support(1, 2)), "agreement.version.stale");
  Entry entry = support(1);
  std::get<Released>(entry.event).flow = "other";
  EXPECT_EQ(put(entry), "release.undeclared");
  entry = support(1);
  entry.party = "app";
  EXPECT_EQ(put(entry), "release.recipient");
  entry = support(1);
  std::get<Released>(entry.event).gives = "{}";
  EXPECT_EQ(put(entry), "release.form");
  entry = support(1);
  std::get<Released>(entry.event).size_bytes = 65537;
  EXPECT_EQ(put(entry), "release.size");
  EXPECT_EQ(put({now, 1, "acme", Deposited{"profile", subject(1), 1, 1, {}}}), "deposit.party");
  EXPECT_EQ(put({now, 1, "app", Deposited{"other", subject(1), 1, 1, {}}}), "deposit.undeclared");
  EXPECT_EQ(put({now, 1, "app", Deposited{"profile", subject(1), 1, 1, {}}}), "");
}

TEST_F(LedgerTest, SubjectsRights) {
  ASSERT_EQ(put(adoption(text(1), 1)), "");
  EXPECT_EQ(put({now, 1, "acme", SubjectRestricted{subject(1)}}), "party.wrong");
  EXPECT_EQ(put({now, 1, "app", SubjectRestricted{subject(1)}}), "");
  EXPECT_EQ(put({now, 1, "subject", SubjectRestricted{subject(1)}}), "");
  EXPECT_EQ(put(account(1)), "subject.restricted");
  EXPECT_EQ(put({now, 1, "app", SubjectExported{subject(1), {}, 1}}), "");
  EXPECT_EQ(put({now, 1, "subject", SubjectUnrestricted{subject(1)}}), "");
  EXPECT_EQ(put(account(1)), "");
  EXPECT_EQ(put({now, 1, "oak", ErasureDone{subject(1)}}), "erasure.unasked");
  EXPECT_EQ(put({now, 1, "subject", ErasureAsked{subject(2)}}), "");
  EXPECT_EQ(put({now, 1, "subject", ErasureAsked{subject(2)}}), "");
  EXPECT_TRUE(ledger.erasing(subject(2)));
  EXPECT_EQ(ledger.erasures_unfinished(), std::vector{subject(2)});
  EXPECT_EQ(put({now, 1, "app", Deposited{"profile", subject(2), 1, 1, {}}}), "subject.erased");
  EXPECT_EQ(put({now, 1, "oak", ErasureDone{subject(2)}}), "");
  EXPECT_EQ(put(account(2)), "subject.erased");
  EXPECT_TRUE(ledger.erased(subject(2)));
}

TEST_F(LedgerTest, LimitsRenewAtMidnightAndNotByABackwardClock) {
  ASSERT_EQ(put(adoption(text(1), 1)), "");
  for (unsigned i = 0; i < 3; ++i) EXPECT_EQ(put(support(i)), "");
  EXPECT_EQ(put(support(1)), "");  // no new subject
  const auto refused = ledger.admit(support(3));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().slug, "limit.exceeded");
  EXPECT_EQ(refused.error().retry_after_s, 2 * 3600);
  const auto flow = *ledger.plan()->find_flow("support");
  EXPECT_FALSE(ledger.may_release(flow, subject(3), 1, now - 86'400'000));
  EXPECT_TRUE(ledger.may_release(flow, subject(3), 1, now + 2 * 3'600'000));
  EXPECT_EQ(ledger.budgets(now)[0].spent, 3u);
  EXPECT_EQ(ledger.budgets(now)[0].renews_at, at("2026-11-24T00:00:00Z"));
  now = at("2026-11-24T00:00:00Z");
  EXPECT_EQ(put(support(3)), "");
}

TEST_F(LedgerTest, SpendingSurvivesANewAgreement) {
  ASSERT_EQ(put(adoption(text(1), 1)), "");
  for (unsigned i = 0; i < 3; ++i) EXPECT_EQ(put(support(i)), "");
  ASSERT_EQ(put(adoption(text(2, "4 subjects per day"), 2)), "");
  EXPECT_EQ(put(support(3, 2)), "");
  EXPECT_EQ(put(support(4, 2)), "limit.exceeded");
}

TEST_F(LedgerTest, WhatALimitNeverHasRoomForIsNotPutOff) {
  ASSERT_EQ(put(adoption(text(1, "5 records per week"), 1)), "");
  EXPECT_EQ(put(support(0)), "");
  const auto flow = *ledger.plan()->find_flow("support");
  const auto waits = ledger.may_release(flow, subject(1), 5, now);
  EXPECT_EQ(waits.error().slug, "limit.exceeded");
  EXPECT_GT(waits.error().retry_after_s, 0);
  const auto never = ledger.may_release(flow, subject(1), 6, now);
  EXPECT_EQ(never.error().slug, "limit.size");
  EXPECT_EQ(never.error().code, Code::refused);
}

TEST_F(LedgerTest, AWeekThatLiesInTwoMonthsIsKeptByTheMonthThatGoesOn) {
  now = at("2026-03-31T10:00:00Z");
  ASSERT_EQ(put(adoption(text(1, "2 subjects per week"), 1)), "");
  now = at("2026-04-01T10:00:00Z");
  EXPECT_EQ(put(support(1)), "");
  EXPECT_EQ(put(support(2)), "");
  now = at("2026-04-02T10:00:00Z");
  ASSERT_EQ(put(adoption(text(2, "2 subjects per month"), 2)), "");
  EXPECT_EQ(put(support(3, 2)), "limit.exceeded");
  now = at("2026-05-01T00:00:00Z");
  EXPECT_EQ(put(support(3, 2)), "");
}

TEST_F(LedgerTest, SnapshotsGoOnAlikeAndDamagedOnesAreRefused) {
  ASSERT_EQ(put(adoption(text(1, "3 subjects per day, 5 records per week"), 1)), "");
  for (unsigned i = 0; i < 3; ++i) put(support(i));
  put({now, 1, "app", SubjectRestricted{subject(7)}});
  put({now, 1, "app", ErasureAsked{subject(8)}});
  const Bytes snapshot = ledger.snapshot();
  auto restored = Ledger::restore(snapshot, reader());
  ASSERT_TRUE(restored) << restored.error().text();
  EXPECT_EQ(restored->snapshot(), snapshot);
  EXPECT_EQ(restored->admit(support(9)).error().slug, "limit.exceeded");
  EXPECT_TRUE(restored->restricted(subject(7)));
  EXPECT_TRUE(restored->erasing(subject(8)));
  EXPECT_EQ(restored->tallies()[0].releases, 3u);
  for (std::size_t cut = 0; cut < snapshot.size(); ++cut) {
    EXPECT_FALSE(Ledger::restore(ByteView(snapshot).substr(0, cut), reader())) << cut;
  }
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {  // any outcome but a crash
    Bytes damaged = snapshot;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    (void)Ledger::restore(damaged, reader()).has_value();
  }
  documents.clear();
  EXPECT_EQ(Ledger::restore(snapshot, reader()).error().slug, "agreement.document.missing");
}

/// A bulk threshold of a rule pack: counted over flows and recipients, by country, and kept from version to version.
TEST_F(LedgerTest, RulesThresholdIsCountedOverFlowsAndVersions) {
  const std::string law =
      "holdfast-rules: 1\nrules-of: law\nversion: 1\ntitle: A law\ncovered: {cite: L 1, countries: {China: CN}}\n"
      "rules:\n  mail: {cite: L 2, says: Few, bulk: user.contact, at-most: 3 subjects per 12 months}\n";
  documents[sha256(law)] = law;
  const auto under = [&](std::string document) {
    return document + "under: [{rules: law@1, sha256: " + to_hex(sha256(law).view()) + "}]\n";
  };
  const auto with_second = [&](std::string document) {
    document.insert(document.find("collections:"), "  shop: {role: recipient, country: CN}\n");
    document.insert(document.find("changes:"),
                    "  sales: {to: shop, use: essential.service, gives: {profile: {email: token}}}\n");
    return document;
  };
  const auto sale = [&](unsigned who) {
    return Entry{now, 2, "shop",
                 Released{"sales", "shop", subject(who), R"({"profile":{"email":"token"}})", 1, sha256("payload"), 64}};
  };
  const std::string daily = "1000 subjects per day";
  ASSERT_EQ(put(adoption(under(text(1, daily)), 1)), "");
  EXPECT_EQ(put(support(1)), "");
  EXPECT_EQ(put(support(2)), "");
  ASSERT_EQ(put(adoption(under(with_second(text(2, daily))), 2)), "");
  EXPECT_EQ(put(sale(2)), "");  // counted already
  EXPECT_EQ(put(sale(3)), "");
  const auto refused = ledger.admit(sale(4));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().slug, "rule.threshold");
  EXPECT_EQ(refused.error().where, "law/mail/China");
  EXPECT_EQ(refused.error().what,
            "rule 'mail' of law@1 (L 2) lets data of at most 3 subjects per 12 months reach China, and 3 are counted; "
            "there is room for another from 2027-11-23T22:00:01.000Z");
  EXPECT_EQ(put(support(3, 2)), "");
  const auto spent = [&](const std::string& name) {
    for (const auto& budget : ledger.budgets(now)) {
      if (budget.limit == name) return budget.spent;
    }
    return std::uint64_t{0};
  };
  EXPECT_EQ(spent("law/mail/China"), 3u);
  EXPECT_EQ(spent("law/mail/to acme"), 3u);  // went on from what China had counted, which was acme alone
  EXPECT_EQ(spent("law/mail/to shop"), 2u);
  const Bytes snapshot = ledger.snapshot();
  const auto restored = Ledger::restore(snapshot, reader());
  ASSERT_TRUE(restored);
  EXPECT_EQ(restored->snapshot(), snapshot);
  now += 364 * 86'400'000LL;
  EXPECT_EQ(ledger.admit(sale(4)).error().slug, "rule.threshold");
  now += 86'400'000LL + 1000;
  EXPECT_TRUE(ledger.admit(sale(4)));
  documents.erase(sha256(law));
  EXPECT_FALSE(Ledger::restore(snapshot, reader()));
}

/// The law counts devices: what entries name, none twice, over a rolling window; and a subject where a flow that is
/// linked to such data carries none of it.
TEST_F(LedgerTest, CountsDevices) {
  const std::string law =
      "holdfast-rules: 1\nrules-of: law\nversion: 1\ntitle: A law\ncovered: {cite: L 1, countries: {China: CN}}\n"
      "rules:\n  mail: {cite: L 2, says: Few, bulk: user.contact, at-most: 3 devices per 12 months, told-apart-by: "
      "user.device.device_id}\n  sick: {cite: L 3, says: Few, bulk: user.health_and_medical, at-most: 9 subjects per "
      "12 "
      "months}\n";
  documents[sha256(law)] = law;
  std::string document = text(1, "1000 subjects per day");
  document.insert(document.find("flows:"), "      ill: {type: text, category: user.health_and_medical}\n");
  document.insert(document.find("changes:"),
                  "  care: {to: acme, use: essential.service, gives: {profile: {ill: token}}}\n");
  document += "under: [{rules: law@1, sha256: " + to_hex(sha256(law).view()) + "}]\n";
  ASSERT_EQ(put(adoption(document, 1)), "");
  const auto told = [&](unsigned who, std::vector<Pseudonym> devices) {
    Entry entry = support(who);
    std::sort(devices.begin(), devices.end());
    std::get<Released>(entry.event).devices = std::move(devices);
    return entry;
  };
  const Pseudonym phone = subject(101), tablet = subject(102), watch = subject(103), car = subject(104);
  EXPECT_EQ(ledger.admit(support(1)).error().slug, "release.devices");
  EXPECT_EQ(put(told(1, {phone, tablet})), "");
  EXPECT_EQ(put(told(1, {tablet, phone})), "");
  Entry twice = told(1, {phone});
  std::get<Released>(twice.event).devices->push_back(phone);
  EXPECT_EQ(ledger.admit(twice).error().slug, "release.devices");
  EXPECT_EQ(put(told(2, {})), "");  // no record, so no device
  const auto refused = ledger.admit(told(2, {watch, car}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().slug, "rule.threshold");
  EXPECT_EQ(
      refused.error().what,
      "rule 'mail' of law@1 (L 2) lets data of at most 3 devices per 12 months reach China, and 2 are counted, and "
      "this release tells of 2; there is room for another from 2027-11-23T22:00:01.000Z");
  Entry care{now, 1, "acme",
             Released{"care", "acme", subject(7), R"({"profile":{"ill":"token"}})", 1, sha256("p"), 64}};
  EXPECT_EQ(put(care), "");
  EXPECT_EQ(put(care), "");
  EXPECT_EQ(ledger.admit(told(2, {watch})).error().slug, "rule.threshold");
  EXPECT_TRUE(ledger.admit(told(1, {phone})));
  std::get<Released>(care.event).devices.emplace();
  EXPECT_EQ(ledger.admit(care).error().slug, "release.devices");
  for (const auto& budget : ledger.budgets(now)) {
    // Two devices and a subject; three subjects, for what is linked to illness counts with it.
    if (budget.limit == "law/mail/China" || budget.limit == "law/sick/China") {
      EXPECT_EQ(budget.spent, 3u);
    }
  }
  const Bytes snapshot = ledger.snapshot();
  auto restored = Ledger::restore(snapshot, reader());
  ASSERT_TRUE(restored);
  EXPECT_EQ(restored->snapshot(), snapshot);
  EXPECT_EQ(restored->admit(told(2, {watch})).error().slug, "rule.threshold");
  now += 365 * 86'400'000LL + 2000;
  EXPECT_TRUE(ledger.admit(told(2, {watch, car})));
}

TEST(Window, OfTheCalendar) {
  const auto window = [](Limit::Window unit, const char* time) {
    const Window found = calendar_window(unit, at(time));
    return to_rfc3339(found.start).substr(0, 13) + " " + to_rfc3339(found.end).substr(0, 13);
  };
  EXPECT_EQ(window(Limit::Window::hour, "2026-11-23T22:59:59Z"), "2026-11-23T22 2026-11-23T23");
  EXPECT_EQ(window(Limit::Window::day, "2026-11-23T00:00:00Z"), "2026-11-23T00 2026-11-24T00");
  EXPECT_EQ(window(Limit::Window::week, "2026-11-29T23:59:59Z"), "2026-11-23T00 2026-11-30T00");
  EXPECT_EQ(window(Limit::Window::month, "2028-02-29T12:00:00Z"), "2028-02-01T00 2028-03-01T00");
  EXPECT_EQ(window(Limit::Window::year, "2026-12-31T23:59:59Z"), "2026-01-01T00 2027-01-01T00");
  EXPECT_EQ(window(Limit::Window::week, "1969-12-31T00:00:00Z"), "1969-12-29T00 1970-01-05T00");
  EXPECT_EQ(rolling_length(Limit::Window::month, 12), rolling_length(Limit::Window::year, 1));
}

TEST_F(LedgerTest, JudgesHundredsOfThousandsOfReleasesASecond) {
  ASSERT_EQ(put(adoption(text(1), 1)), "");
  const Entry entry = account(1);
  constexpr int count = 500'000;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < count; ++i) {
    ASSERT_TRUE(ledger.admit(entry));
    ledger.apply(index++, entry);
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  RecordProperty("entries_per_second", static_cast<int>(count / seconds));
  std::cout << static_cast<int>(count / seconds) << " entries/s\n";
  EXPECT_LT(seconds, 5);
}

}  // namespace
}  // namespace holdfast::ledger
