#include "verify/verify.h"

#include <random>
#include <set>

#include "fetch/http_server_test.h"
#include "verify/fixture_test.h"

namespace holdfast::verify {
namespace {

using namespace evidence;
using testing::ElementsAre;
using testing::IsEmpty;

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

TEST_F(Verify, FindsAStrangerAmongTheSignersListed) {
  const SigningKey stranger = test_key("treasury", 9);
  log.adopt(log.document(2), 2, {&log.operator_key, &log.trustee_key, &log.overseer_key, &stranger});
  EXPECT_THAT(found(), ElementsAre("agreement.signers.wrong@1"));
}

TEST_F(Verify, FindsFirstAdoptionByStrangersKeys) {
  write();
  Options with = options();
  with.parties[2] = test_key("treasury", 9).verifier();
  EXPECT_THAT(found(with), ElementsAre("agreement.key.untrusted@0"));
  EXPECT_EQ(report.verdict, Verdict::violations);
}

/// What follows from an adoption that does not hold is told once, with how much it is.
TEST_F(Verify, TellsOnceOfWhatNoAgreementCovers) {
  fill(300);
  write();
  Options with = options();
  with.log_key = log.log_key.verifier();
  with.parties.pop_back();
  EXPECT_THAT(found(with), ElementsAre("agreement.key.untrusted@0", "agreement.none@1"));
  EXPECT_EQ(report.verdict, Verdict::violations);
  EXPECT_THAT(report.findings[1].text, testing::HasSubstr("300 entries"));

  with.parties = log.parties();
  std::string bundle = slurp(dir / "log" / "tile/entries/000");
  bundle.replace(bundle.find("\"party\":\"oak\""), 13, "\"party\":\"elm\"");
  spit(dir / "log" / "tile/entries/000", bundle);
  EXPECT_THAT(found(with), ElementsAre("evidence.entry.forged@0", "agreement.none@1"));
  EXPECT_EQ(report.verdict, Verdict::violations);
}

TEST_F(Verify, TellsWhichEntryStandsBeforeTheFirstAgreement) {
  const std::string adoption = log.entries.front();
  log.entries.clear();
  log.now -= 10;
  for (unsigned i = 0; i < 3; ++i) log.append("app", LogBuilder::account(i));
  log.entries.push_back(adoption);
  write();
  Options with = options();
  with.log_key = log.log_key.verifier();
  EXPECT_THAT(found(with), ElementsAre("agreement.none@0", "agreement.none@1"));
  EXPECT_THAT(report.findings[1].text, testing::HasSubstr("2 entries"));
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

TEST_F(Verify, ReadsAStaticWebServer) {
  fill(3000);
  write();
  std::atomic<bool> away = false;
  fetch::TestServer server([&](const std::string& head, const std::string&) {
    if (away && head.find("/tile/entries/00") != std::string::npos) return std::string();
    const std::size_t from = head.find("/log/");
    const std::filesystem::path file = dir / head.substr(from + 1, head.find(' ', from) - from - 1);
    if (!std::filesystem::is_regular_file(file)) return fetch::TestServer::ok("", "404 Not Found");
    return fetch::TestServer::ok(slurp(file));
  });
  Options with = options();
  with.log = server.url("/log");
  with.threads = 6;
  with.http.attempts = 1;
  EXPECT_THAT(found(with), IsEmpty());
  EXPECT_LE(server.connections(), 7);  // kept alive
  std::filesystem::remove(dir / "log" / "tile/entries/003");
  EXPECT_THAT(found(with), ElementsAre("evidence.entry.missing@768"));
  away = true;  // an outage is no finding
  ASSERT_FALSE(verify(with));
  EXPECT_EQ(verify(with).error().slug, "http.connection.lost");
}

TEST_F(Verify, TellsWhatTheServerSaysOfItsFault) {
  std::string answer = R"({"status":500,"code":"storage.corrupt","detail":"a block is damaged"})";
  fetch::TestServer server([&](const std::string&, const std::string&) {
    return fetch::TestServer::ok(answer, "500 Internal Server Error");
  });
  Options with = options();
  with.log = server.url("/log");
  const auto told = [&] { return verify(with).error(); };
  EXPECT_EQ(told().slug, "verify.fetch.status");
  EXPECT_EQ(told().what, "the log answered with status 500: a block is damaged [storage.corrupt]");
  answer = "[";
  EXPECT_EQ(told().what, "the log answered with status 500; check that the URL is the log's prefix");
}

/// What a log may leave out once the full tile is there (tlog-tiles): the checkpoint is older than the files.
TEST_F(Verify, ReadsPartialTilesOutOfFullOnes) {
  fill(300);
  const std::string old = log.checkpoint();
  fill(600);
  write();
  spit(dir / "log" / "checkpoint", old);
  EXPECT_THAT(found(options()), ElementsAre("evidence.tile.missing"));  // tile/1/000.p/1, which is still partial
  std::string upper = slurp(dir / "log" / "tile/1/000.p/3");
  spit(dir / "log" / "tile/1/000.p/1", upper.substr(0, 32));
  EXPECT_THAT(found(options()), IsEmpty());
  EXPECT_EQ(report.checkpoint.size, 301u);
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
      case 0:
        log.append("subject", SubjectUnrestricted{LogBuilder::subject(who)}), held.erase(who);
        break;
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
      case 3:
        log.now += static_cast<UnixMillis>(1000 * (random() % 40'000)), log.deposit(50);
        break;
      default:
        if (log.now / 86'400'000 != day) day = log.now / 86'400'000, today.clear();
        log.append("acme", LogBuilder::support(who));
        if (blocked)
          slug = gone.contains(who) ? "subject.erased" : "subject.restricted";
        else if (!today.contains(who) && today.size() >= 3)
          slug = "limit.exceeded";
        today.insert(who);
    }
    if (!slug.empty()) expected.push_back(slug + "@" + std::to_string(i));
  }
  EXPECT_EQ(found(), expected);
}

}  // namespace
}  // namespace holdfast::verify
