#include "verify/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "verify/log_builder_test.h"

namespace holdfast::verify {
namespace {

using namespace evidence;
using testing::ElementsAre;
using testing::IsEmpty;

class Verify : public testing::Test {
 protected:
  Verify() { log.adopt(log.document(1), 1); }

  Options options() const {
    Options out;
    out.log = (dir / "log").string();
    out.parties = log.parties();
    return out;
  }
  void write() {
    std::filesystem::remove_all(dir / "log");
    log.write(dir / "log");
  }
  /// "slug@index" or "slug" of everything found.
  std::vector<std::string> found(const Options& with) {
    auto run = verify(with);
    if (!run) return {"error " + run.error().text()};
    report = *std::move(run);
    std::vector<std::string> out;
    for (const Finding& finding : report.findings) {
      out.push_back(finding.slug + (finding.index ? "@" + std::to_string(*finding.index) : ""));
    }
    return out;
  }
  std::vector<std::string> found() {
    write();
    return found(options());
  }
  void fill(unsigned count) {
    for (unsigned i = 0; i < count; ++i) log.append("app", LogBuilder::account(100 + i % 50));
  }

  TemporaryDirectory dir;
  LogBuilder log;
  Report report;
};

TEST_F(Verify, CleanLogGivesNothing) {
  log.append("oak", ServerStarted{sha256("binary"), "holdfast test"});
  log.deposit(1);
  for (unsigned i = 0; i < 3; ++i) log.append("acme", LogBuilder::support(i));
  log.append("acme", LogBuilder::support(1));
  log.append("stranger", Refused{"disclose", "", "release.undeclared", 4});
  log.append("subject", SubjectRestricted{LogBuilder::subject(1)});
  log.append("app", SubjectUnrestricted{LogBuilder::subject(1)});
  log.append("app", LogBuilder::account(1));
  log.append("app", SubjectExported{LogBuilder::subject(1), sha256("export"), 10});
  log.append("app", ErasureAsked{LogBuilder::subject(1)});
  log.append("oak", ErasureDone{LogBuilder::subject(1)});
  log.adopt(log.document(2), 2);
  fill(700);
  EXPECT_THAT(found(), IsEmpty());
  EXPECT_EQ(report.verdict, Verdict::good);
  EXPECT_EQ(report.checkpoint.size, 715u);
  EXPECT_EQ(report.kinds["released"], 705u);
  EXPECT_EQ(report.agreements.size(), 2u);
  ASSERT_EQ(report.tallies.size(), 3u);
  EXPECT_EQ(report.tallies[0].flow, "support");
  EXPECT_EQ(report.tallies[0].releases, 4u);
  EXPECT_EQ(report.tallies[2].agreement, 2u);
}

// What the agreement forbids.

TEST_F(Verify, FindsReleaseThatNoAgreementDeclared) {
  auto released = LogBuilder::account(1);
  released.flow = "marketing";
  log.append("app", released);
  EXPECT_THAT(found(), ElementsAre("release.undeclared@1"));
  EXPECT_EQ(report.verdict, Verdict::violations);
}

TEST_F(Verify, FindsWrongForm) {
  auto released = LogBuilder::support(1);
  released.gives = R"({"profile":{"email":"clear"}})";
  log.append("acme", released);
  EXPECT_THAT(found(), ElementsAre("release.form@1"));
}

TEST_F(Verify, FindsWrongRecipient) {
  auto released = LogBuilder::account(1);
  released.to = "acme";
  log.append("acme", released);
  log.append("acme", LogBuilder::account(1));
  EXPECT_THAT(found(), ElementsAre("release.recipient@1", "release.recipient@2"));
}

TEST_F(Verify, FindsLimitExceeded) {
  for (unsigned i = 0; i < 4; ++i) log.append("acme", LogBuilder::support(i));
  log.now += 86'400'000;
  log.append("acme", LogBuilder::support(9));
  EXPECT_THAT(found(), ElementsAre("limit.exceeded@4"));
}

TEST_F(Verify, FindsBulkThresholdExceededOverDays) {
  log.adopt(log.document(2, "100 subjects per day", 4), 2);
  for (unsigned i = 0; i < 4; ++i) log.append("acme", LogBuilder::support(i));
  log.now += 86'400'000;
  log.append("acme", LogBuilder::support(0));
  log.append("acme", LogBuilder::support(7));
  EXPECT_THAT(found(), ElementsAre("limit.exceeded@7"));
}

TEST_F(Verify, FindsReleaseAfterRestriction) {
  log.append("subject", SubjectRestricted{LogBuilder::subject(1)});
  log.append("app", LogBuilder::account(1));
  EXPECT_THAT(found(), ElementsAre("subject.restricted@2"));
}

TEST_F(Verify, FindsReleaseAfterErasureWasAskedOrDone) {
  log.append("subject", ErasureAsked{LogBuilder::subject(1)});
  log.append("app", LogBuilder::account(1));
  log.append("oak", ErasureDone{LogBuilder::subject(1)});
  log.append("app", LogBuilder::account(1));
  EXPECT_THAT(found(), ElementsAre("subject.erased@2", "subject.erased@4"));
}

TEST_F(Verify, FindsErasureThatNobodyAskedFor) {
  log.append("oak", ErasureDone{LogBuilder::subject(1)});
  EXPECT_THAT(found(), ElementsAre("erasure.unasked@1"));
}

TEST_F(Verify, FindsAdoptionWithoutItsQuorum) {
  log.adopt(log.document(2), 2, {&log.operator_key, &log.trustee_key});
  EXPECT_THAT(found(), ElementsAre("agreement.quorum@1"));
}

TEST_F(Verify, AnAgreementWithoutItsQuorumCoversNothing) {
  log.adopt(log.document(2, "1000 subjects per day"), 2, {&log.operator_key});
  log.append("acme", LogBuilder::support(1));
  EXPECT_THAT(found(), ElementsAre("agreement.quorum@1", "agreement.version.stale@2"));
}

TEST_F(Verify, FindsFirstAdoptionByStrangersKeys) {
  write();
  Options with = options();
  with.parties[2] = test_key("treasury", 9).verifier();
  EXPECT_THAT(found(with), ElementsAre("agreement.key.untrusted@0"));
  EXPECT_EQ(report.verdict, Verdict::violations);
}

TEST_F(Verify, FindsDocumentThatIsAnotherOrGone) {
  log.adopt(log.document(2), 2);
  write();
  const auto file = dir / "log" / ("agreement/" + log.documents[1].first);
  spit(file, slurp(file).replace(0, 11, "holdfast: 2"));
  EXPECT_THAT(found(options()), ElementsAre("agreement.document.forged@1"));
  std::filesystem::remove(file);
  EXPECT_THAT(found(options()), ElementsAre("agreement.document.missing@1"));
}

TEST_F(Verify, FindsTimeThatGoesBack) {
  log.append("app", LogBuilder::account(1));
  log.now -= 5000;
  log.append("app", LogBuilder::account(1));
  EXPECT_THAT(found(), ElementsAre("evidence.time.backwards@2"));
}

TEST_F(Verify, FindsEntryThatCannotBeRead) {
  log.entries.push_back(R"({"kind":"released","extra":"personal data"})");
  EXPECT_THAT(found(), ElementsAre("evidence.entry.malformed@1"));
}

// What was done to the log.

TEST_F(Verify, NamesTheForgedEntry) {
  fill(600);
  write();
  const auto file = dir / "log" / "tile/entries/001";
  std::string bundle = slurp(file);
  // A digit of the digest of entry 256 + 44.
  std::size_t at = 0;
  for (int i = 0; i < 44; ++i) at += 2 + 256u * static_cast<unsigned char>(bundle[at]) + static_cast<unsigned char>(bundle[at + 1]);
  const std::size_t digest = bundle.find("\"digest\":\"", at) + 12;
  bundle[digest] = bundle[digest] == 'A' ? 'B' : 'A';
  spit(file, bundle);
  EXPECT_THAT(found(options()), ElementsAre("evidence.entry.forged@300"));
  EXPECT_EQ(report.verdict, Verdict::violations);
}

TEST_F(Verify, NamesTheForgedEntryOfThePartialBundle) {
  fill(20);
  write();
  const auto file = dir / "log" / "tile/entries/000.p/21";
  std::string bundle = slurp(file);
  bundle[bundle.size() - 3] ^= 1;
  spit(file, bundle);
  EXPECT_THAT(found(options()), ElementsAre("evidence.entry.forged@20"));
}

TEST_F(Verify, NamesTheEntryThatWasTakenOut) {
  fill(600);
  const auto right = log.entries;
  write();
  std::string bundle;
  for (std::size_t i = 256; i < 512; ++i) {
    if (i != 300) put_entry(bundle, right[i]);
  }
  spit(dir / "log" / "tile/entries/001", bundle);
  // Entries 300 and 301 differ in time only, so the hash tells them apart.
  EXPECT_THAT(found(options()), ElementsAre("evidence.entry.missing@300"));
}

TEST_F(Verify, NamesTheEntryThatWasPutIn) {
  fill(600);
  write();
  std::string bundle;
  for (std::size_t i = 256; i < 512; ++i) {
    if (i == 300) put_entry(bundle, "{}");
    put_entry(bundle, log.entries[i]);
  }
  spit(dir / "log" / "tile/entries/001", bundle);
  EXPECT_THAT(found(options()), ElementsAre("evidence.entry.surplus@256"));
}

TEST_F(Verify, FindsMissingAndTruncatedBundles) {
  fill(600);
  write();
  const auto file = dir / "log" / "tile/entries/001";
  const std::string bundle = slurp(file);
  spit(file, std::string_view(bundle).substr(0, bundle.size() - 1));
  EXPECT_THAT(found(options()), ElementsAre("evidence.entry.missing@511"));
  std::filesystem::remove(file);
  EXPECT_THAT(found(options()), ElementsAre("evidence.entry.missing@256"));
}

TEST_F(Verify, FindsForgedAndMissingTiles) {
  fill(600);
  write();
  const auto damage = [&](const std::string& path) {
    write();
    const auto file = dir / "log" / path;
    std::string tile = slurp(file);
    ASSERT_FALSE(tile.empty());
    tile[5] ^= 1;
    spit(file, tile);
  };
  for (const char* path : {"tile/0/001", "tile/0/002.p/89", "tile/1/000.p/2"}) {
    damage(path);
    EXPECT_THAT(found(options()), ElementsAre("evidence.tile.forged")) << path;
    write();
    std::filesystem::remove(dir / "log" / path);
    EXPECT_THAT(found(options()), ElementsAre("evidence.tile.missing")) << path;
  }
}

TEST_F(Verify, FindsTreeThatWasNotSigned) {
  fill(20);
  write();
  const std::string checkpoint = log.checkpoint();
  log.entries[7] = log.entries[8];
  write();
  spit(dir / "log" / "checkpoint", checkpoint);
  const auto all = found(options());
  EXPECT_THAT(all, testing::Contains("evidence.root.wrong"));
  EXPECT_EQ(report.verdict, Verdict::inconsistent);
}

TEST_F(Verify, FindsWrongSignature) {
  write();
  spit(dir / "log" / "checkpoint", log.checkpoint(1, test_key("log.example/us", 7)));
  EXPECT_THAT(found(options()), ElementsAre("evidence.checkpoint.signature"));
  EXPECT_EQ(report.verdict, Verdict::inconsistent);
}

// What an earlier run, or somebody else, has seen.

class VerifyAgain : public Verify {
 protected:
  Options remembering() {
    Options out = options();
    out.state_file = (dir / "state").string();
    return out;
  }
  void first_run() {
    fill(300);
    write();
    ASSERT_THAT(found(remembering()), IsEmpty());
  }
};

TEST_F(VerifyAgain, GoesOnWhereItStopped) {
  first_run();
  for (unsigned i = 0; i < 3; ++i) log.append("acme", LogBuilder::support(i));
  write();
  EXPECT_THAT(found(remembering()), IsEmpty());
  EXPECT_EQ(report.from, 301u);
  fill(600);
  log.append("acme", LogBuilder::support(3));
  write();
  EXPECT_THAT(found(remembering()), ElementsAre("limit.exceeded@904"));  // the three before were not forgotten
  EXPECT_EQ(report.from, 304u);
  EXPECT_EQ(report.kinds["released"], 904u);
  EXPECT_THAT(found(remembering()), ElementsAre("limit.exceeded@904"));  // no trust in a log with findings
}

TEST_F(VerifyAgain, AllAgainWithOtherKeys) {
  first_run();
  Options with = remembering();
  with.parties.push_back(test_key("new", 8).verifier());
  EXPECT_THAT(found(with), IsEmpty());
  EXPECT_EQ(report.from, 0u);
}

TEST_F(VerifyAgain, FindsRollback) {
  first_run();
  log.entries.pop_back();
  write();
  EXPECT_THAT(found(remembering()), ElementsAre("evidence.rollback"));
  EXPECT_EQ(report.verdict, Verdict::inconsistent);
}

TEST_F(VerifyAgain, FindsSplitViewOfTheSameSize) {
  first_run();
  log.entries[200] = log.entries[199];
  write();
  EXPECT_THAT(found(remembering()), ElementsAre("evidence.split-view"));
  EXPECT_EQ(report.verdict, Verdict::inconsistent);
}

TEST_F(VerifyAgain, FindsRewrittenHistory) {
  first_run();
  log.entries[200] = log.entries[199];
  fill(400);
  write();
  EXPECT_THAT(found(remembering()), ElementsAre("evidence.split-view"));
}

TEST_F(VerifyAgain, RefusesDamagedState) {
  first_run();
  std::string state = slurp(dir / "state");
  state[state.size() / 2] ^= 1;
  spit(dir / "state", state);
  const auto run = verify(remembering());
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().slug, "verify.state.corrupt");
}

TEST_F(Verify, FindsSplitViewBesideAnotherHoldersCheckpoint) {
  fill(300);
  spit(dir / "theirs", log.checkpoint(100, log.log_key));
  write();
  Options with = options();
  with.also = {(dir / "theirs").string()};
  EXPECT_THAT(found(with), IsEmpty());
  log.entries[50] = log.entries[49];
  write();
  EXPECT_THAT(found(with), ElementsAre("evidence.split-view"));
  spit(dir / "theirs", log.checkpoint(301, log.log_key));
  log.entries.resize(200);
  write();
  EXPECT_THAT(found(with), ElementsAre("evidence.rollback"));
}

// What cannot be proven.

TEST_F(Verify, SaysWhatCannotBeFetched) {
  Options with = options();
  EXPECT_EQ(verify(with).error().slug, "verify.log.place");
  std::filesystem::create_directories(dir / "log");
  EXPECT_EQ(verify(with).error().slug, "verify.checkpoint.missing");
  write();
  with.parties.clear();
  EXPECT_EQ(verify(with).error().slug, "verify.parties.none");
  with = options();
  with.log = "http://127.0.0.1:1/log";
  with.http.attempts = 1;
  EXPECT_EQ(verify(with).error().slug, "http.connect.refused");
}

TEST_F(Verify, ListsFindingsUpToTheBoundAndCountsTheRest) {
  for (int i = 0; i < 30; ++i) log.append("acme", LogBuilder::account(1));
  write();
  Options with = options();
  with.findings_max = 10;
  EXPECT_EQ(found(with).size(), 10u);
  EXPECT_EQ(report.findings_total, 30u);
}

/// Whatever happens, verify finds at each index what a model says that knows nothing of ledgers.
TEST_F(Verify, RandomHistories) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::vector<std::string> expected;
  std::set<unsigned> today, held, gone;
  UnixMillis day = 0;
  for (unsigned i = 1; i < 900; ++i) {
    const auto who = static_cast<unsigned>(random() % 12);
    const bool blocked = held.contains(who) || gone.contains(who);
    std::string slug;
    switch (random() % 8) {
      case 0: log.append("subject", SubjectUnrestricted{LogBuilder::subject(who)}), held.erase(who); break;
      case 1:
        log.append("app", SubjectRestricted{LogBuilder::subject(who)});
        if (gone.contains(who)) slug = "subject.erased";
        held.insert(who);
        break;
      case 2:
        if (random() % 10 == 0) {
          if (gone.contains(who)) {
            log.append("acme", ServerStarted{});
            slug = "party.wrong";
          } else {
            log.append("subject", ErasureAsked{LogBuilder::subject(who)});
            gone.insert(who);
          }
        } else {
          log.append("app", LogBuilder::account(who));
          if (blocked) slug = gone.contains(who) ? "subject.erased" : "subject.restricted";
        }
        break;
      case 3: log.now += static_cast<UnixMillis>(1000 * (random() % 40'000)), log.deposit(50); break;
      default:
        if (log.now / 86'400'000 != day) day = log.now / 86'400'000, today.clear();
        log.append("acme", LogBuilder::support(who));
        if (blocked) slug = gone.contains(who) ? "subject.erased" : "subject.restricted";
        else if (!today.contains(who) && today.size() >= 3) slug = "limit.exceeded";
        today.insert(who);
    }
    if (!slug.empty()) expected.push_back(slug + "@" + std::to_string(i));
  }
  EXPECT_EQ(found(), expected);
}

}  // namespace
}  // namespace holdfast::verify
