#include "verify/fixture_test.h"

namespace holdfast::verify {
namespace {

using namespace evidence;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What was done to the log.

TEST_F(Verify, NamesTheForgedEntry) {
  fill(600);
  write();
  const auto file = dir / "log" / "tile/entries/001";
  std::string bundle = slurp(file);
  // A digit of the digest of entry 256 + 44.
  std::size_t at = 0;
  for (int i = 0; i < 44; ++i)
    at += 2 + 256u * static_cast<unsigned char>(bundle[at]) + static_cast<unsigned char>(bundle[at + 1]);
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

TEST_F(Verify, FindsBytesBehindTheLastEntryOfABundle) {
  fill(600);
  write();
  for (const char* path : {"tile/entries/001", "tile/entries/002.p/89"}) {
    const auto file = dir / "log" / path;
    const std::string bundle = slurp(file);
    spit(file, bundle + '\x01');
    EXPECT_THAT(found(options()), ElementsAre(testing::StartsWith("evidence.entry.surplus"))) << path;
    spit(file, bundle);
  }
  EXPECT_THAT(found(options()), IsEmpty());
}

TEST_F(Verify, FindsThatALogClaimsMoreThanItServes) {
  fill(20);
  write();
  const auto claim = [&](std::uint64_t size, const Hash& root) {
    Note note = *Note::create(Checkpoint{log.log_key.verifier().name(), size, root}.text());
    note.sign(log.log_key);
    spit(dir / "log" / "checkpoint", note.encode());
  };
  for (const std::uint64_t size : {~std::uint64_t{0}, ~std::uint64_t{0} - 300, std::uint64_t{1} << 63}) {
    claim(size, TileTree().root());
    EXPECT_THAT(found(options()), ElementsAre("evidence.checkpoint.malformed")) << size;
    EXPECT_EQ(report.verdict, Verdict::violations);
  }
  for (const std::uint64_t size : {(std::uint64_t{1} << 63) - 1, std::uint64_t{1} << 40}) {
    claim(size, TileTree().root());
    EXPECT_THAT(found(options()), testing::Contains(testing::StartsWith("evidence.entry.missing"))) << size;
  }
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
  EXPECT_THAT(report.findings[0].text, HasSubstr((dir / "log/checkpoint").string()));
}

TEST_F(Verify, NamesACheckpointThatIsNone) {
  write();
  const std::string path = (dir / "log/checkpoint").string(), whole = slurp(path);
  spit(path, "log\n" + whole.substr(whole.find("\n\n")));  // signed lines under a text that lacks two
  EXPECT_THAT(found(options()), ElementsAre("evidence.checkpoint.malformed"));
  EXPECT_THAT(report.findings[0].text, HasSubstr(path));
  spit(path, "no note");
  EXPECT_THAT(found(options()), ElementsAre(AllOf(HasSubstr(path), HasSubstr("note.malformed"))));
}

// Modules that were not released as agreed.

TEST_F(Verify, FindsForgedModules) {
  log.submit(1);
  log.append("acme", log.release(1));  // 2: not shown
  log.show();
  log.append("acme", log.release(2));  // 4: another version than was submitted
  ModuleReleased alone = log.release(1);
  alone.signed_by.pop_back();
  log.append("acme", alone);  // 5: lists fewer than signed
  alone.statement = log.state(1, {&log.operator_key});
  log.append("acme", alone);                                           // 6: signed by one alone
  log.append("app", ModuleWithdrawn{"ranker", LogBuilder::ranker()});  // 7
  EXPECT_THAT(found(), ElementsAre("module.unseen@2", "module.unknown@4", "module.signers.wrong@5",
                                   "agreement.module.quorum@6", "party.wrong@7"));
}

TEST_F(Verify, FindsForgedJobs) {
  log.submit(1);
  log.show();
  log.append("acme", log.release(1));
  log.append("oak", LogBuilder::train());           // 4
  log.append("oak", LogBuilder::trained(4, 2000));  // 5: larger than the flow lets it be
  log.append("oak", LogBuilder::trained(4));        // 6: it has ended
  log.append("app", LogBuilder::hints(4));          // 7: so its product is not in force
  log.append("acme", LogBuilder::train());          // 8: not the trustee
  log.append("oak", JobFailed{8, "sealed.run.time"});
  log.append("oak", LogBuilder::train());
  log.append("oak", LogBuilder::trained(10));
  log.append("app", LogBuilder::hints(10));
  log.append("app", LogBuilder::hints(4));  // 13: the one before
  Released product = LogBuilder::hints(10);
  product.flow = "train";
  product.to = "oak";
  product.run->product.reset();
  log.append("oak", product);  // 14: what stays in custody
  JobStarted other = LogBuilder::train();
  other.run.module = sha256("another");
  log.append("oak", other);  // 15
  EXPECT_THAT(found(), ElementsAre("job.size@5", "job.ended@6", "product.stale@7", "party.wrong@8", "product.stale@13",
                                   "release.product@14", "release.module@15"));
}

TEST_F(Verify, FindsAPrivacyBudgetSpentTwice) {
  log.append("acme", LogBuilder::sums("table", true));
  log.append("acme", LogBuilder::sums("table", false));
  log.append("acme", LogBuilder::sums("another", false));  // 3
  log.append("acme", LogBuilder::sums("another", true));   // 4
  log.now += 7 * 86'400'000LL;
  log.append("acme", LogBuilder::sums("next week's", false));  // 5
  log.append("acme", LogBuilder::sums("next week's", true));
  log.append("app", LogBuilder::sums("next week's", false));  // 7
  EXPECT_THAT(found(),
              ElementsAre("aggregate.spent@3", "aggregate.spent@4", "aggregate.budget@5", "release.recipient@7"));
}

TEST_F(Verify, FindsWhatWasDoneToAStatement) {
  log.submit(1);
  log.show();
  log.append("acme", log.release(1));
  log.append("treasury", ModuleWithdrawn{"ranker", LogBuilder::ranker()});
  EXPECT_THAT(found(), IsEmpty());
  const auto file = dir / "log" / ledger::document_path(ledger::DocumentKind::statement, sha256(log.statements[1]));
  ASSERT_TRUE(std::filesystem::exists(file));
  spit(file, log.statements[0]);  // without the overseer's signature
  EXPECT_THAT(found(options()), ElementsAre("module.statement.forged@3"));
  std::filesystem::remove(file);
  EXPECT_THAT(found(options()), ElementsAre("module.statement.missing@3"));
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

TEST_F(VerifyAgain, KnowsWhenALogThatStandsStillHadItsLastEntry) {
  first_run();
  const UnixMillis last = log.now - 1;
  EXPECT_EQ(report.newest_at, last);
  EXPECT_THAT(found(remembering()), IsEmpty());
  EXPECT_EQ(report.from, 301u);
  EXPECT_EQ(report.newest_at, last);
}

TEST_F(VerifyAgain, ReadsAStateFileOfBeforeTheLastEntrysTime) {
  first_run();
  const std::string now = slurp(dir / "state");
  const std::string before = now.substr(0, now.size() - Hash::kSize - 8);
  spit(dir / "state", before + std::string(sha256(before).view()));
  EXPECT_THAT(found(remembering()), IsEmpty());
  EXPECT_EQ(report.from, 301u);
  EXPECT_FALSE(report.newest_at);
  fill(1);
  write();
  EXPECT_THAT(found(remembering()), IsEmpty());
  EXPECT_EQ(report.newest_at, log.now - 1);
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

}  // namespace
}  // namespace holdfast::verify
