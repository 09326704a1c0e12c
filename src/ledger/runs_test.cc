#include "ledger/modules_test.h"

namespace holdfast::ledger {
namespace {

using namespace testing;

Pseudonym subject(unsigned number) {
  return *Pseudonym::from(sha256("subject " + std::to_string(number)).view().substr(0, Pseudonym::kSize));
}

class RunsTest : public ModulesTest {
 protected:
  static constexpr const char* kReads = R"({"views":{"video":"read"}})";
  ModuleRun run_of(const Hash& what) const { return {what, {}, {}, now}; }
  Entry released(unsigned who, std::optional<ModuleRun> run, std::string gives = kReads, std::uint64_t size = 1024) {
    return by("app", Released{"feed", "app", subject(who), std::move(gives), 3, sha256("payload"), size, {}, run});
  }
  Entry failed(unsigned who, const Hash& what, const std::string& party = "app", const std::string& flow = "feed") {
    return by(party, RunFailed{flow, subject(who), "trapped", 3, run_of(what)});
  }
  void bring_into_force() {
    submit_and_show();
    ASSERT_EQ(put(release()), "");
  }
};

TEST_F(RunsTest, NothingIsReleasedByAFlowWhoseModuleIsNotInForce) {
  EXPECT_EQ(put(released(1, run_of(module))), "module.none");
  submit_and_show();
  EXPECT_EQ(put(released(1, run_of(module))), "module.none");
  EXPECT_EQ(put(failed(1, module)), "module.none");
}

TEST_F(RunsTest, AReleaseNamesExactlyTheModuleInForce) {
  bring_into_force();
  EXPECT_EQ(put(released(1, run_of(module))), "");
  EXPECT_EQ(put(released(1, run_of(sha256("another")))), "release.module");
  EXPECT_EQ(put(released(1, std::nullopt)), "release.run");
  ModuleRun with_product = run_of(module);
  with_product.product = 3;
  EXPECT_EQ(put(released(1, with_product)), "product.stale");
  EXPECT_EQ(put(released(1, run_of(module), R"({"views":{"video":"clear"}})")), "release.form");
  EXPECT_EQ(put(released(1, run_of(module), kReads, 16385)), "release.size");
  EXPECT_EQ(put(released(1, run_of(module), kReads, 16384)), "");
  EXPECT_EQ(put(by("acme", Released{"feed", "acme", subject(1), kReads, 3, {}, 100, {}, run_of(module)})),
            "release.recipient");
}

TEST_F(RunsTest, AWithdrawnModuleRunsNoMore) {
  bring_into_force();
  EXPECT_EQ(put(released(1, run_of(module))), "");
  EXPECT_EQ(put(by("treasury", ModuleWithdrawn{"feed-ranker", module})), "");
  EXPECT_EQ(put(released(1, run_of(module))), "module.none");
  EXPECT_EQ(put(failed(1, module)), "module.none");
}

TEST_F(RunsTest, AContainedRunIsJudgedAndSpendsAsAReleaseDoes) {
  bring_into_force();
  EXPECT_EQ(put(failed(1, module, "acme")), "release.recipient");
  EXPECT_EQ(put(failed(1, sha256("another"))), "release.module");
  EXPECT_EQ(put(failed(1, module, "app", "other")), "release.undeclared");
  // Those above were wrong, and are counted all the same.
  EXPECT_EQ(put(failed(2, module)), "");
  EXPECT_EQ(put(released(3, run_of(module))), "limit.exceeded");
  EXPECT_EQ(put(failed(4, module)), "limit.exceeded");
  EXPECT_EQ(put(released(2, run_of(module))), "");
  EXPECT_EQ(put(by("subject", SubjectRestricted{subject(2)})), "");
  EXPECT_EQ(put(failed(2, module)), "subject.restricted");
}

TEST_F(RunsTest, RunsAreTalliedAndOutliveASnapshot) {
  bring_into_force();
  EXPECT_EQ(put(released(1, run_of(module))), "");
  EXPECT_EQ(put(failed(1, module)), "");
  EXPECT_EQ(put(failed(1, module)), "");
  const auto check = [&](const Ledger& ledger_) {
    const auto tallies = ledger_.tallies();
    ASSERT_EQ(tallies.size(), 1u);
    EXPECT_EQ(tallies[0].flow, "feed");
    EXPECT_EQ(tallies[0].gives, kReads);
    EXPECT_EQ(tallies[0].releases, 1u);
    EXPECT_EQ(tallies[0].contained, 2u);
  };
  check(ledger);
  const auto restored = Ledger::restore(ledger.snapshot(), reader());
  ASSERT_TRUE(restored);
  check(*restored);
  EXPECT_EQ(restored->snapshot(), ledger.snapshot());
}

TEST_F(RunsTest, WhatModulesWriteIsForTrusteeAndOverseer) {
  EXPECT_EQ(put(by("oak", ModuleLogRead{"feed-ranker", {}, 10})), "");
  EXPECT_EQ(put(by("treasury", ModuleLogRead{"feed-ranker", {}, 10})), "");
  for (const char* party : {"acme", "app", "subject", "eve"}) {
    EXPECT_EQ(put(by(party, ModuleLogRead{"feed-ranker", {}, 10})), "party.wrong") << party;
  }
}

}  // namespace
}  // namespace holdfast::ledger
