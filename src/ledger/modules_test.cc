#include "ledger/modules_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::ledger {
namespace {

using namespace testing;
using ::testing::ElementsAre;

TEST_F(ModulesTest, IsReleasedAfterSubmissionShowingAndSignatures) {
  EXPECT_EQ(put(release()), "module.unknown");
  EXPECT_EQ(put(by("treasury", ModuleShown{module})), "module.unknown");
  EXPECT_EQ(put(submission()), "");
  EXPECT_EQ(put(submission()), "module.known");
  EXPECT_EQ(put(release()), "module.unseen");
  EXPECT_EQ(put(by("treasury", ModuleShown{module})), "");
  EXPECT_EQ(put(by("treasury", ModuleShown{module})), "");  // again does no harm
  EXPECT_EQ(put(release()), "module.unseen");
  EXPECT_EQ(put(by("eve", ModuleShown{module})), "party.wrong");
  EXPECT_EQ(put(by("app", ModuleShown{module})), "");
  EXPECT_EQ(in_force(), nullptr);
  EXPECT_EQ(put(release()), "");
  ASSERT_NE(in_force(), nullptr);
  EXPECT_EQ(in_force()->hash, module);
  EXPECT_THAT(in_force()->signed_by, ElementsAre(operator_key.verifier().text(), overseer_key.verifier().text()));
  EXPECT_THAT(ledger.submitted_modules().at(module).shown_to, ElementsAre("app", "treasury"));
}

TEST_F(ModulesTest, ASubmissionIsHeldAgainstItsStatement) {
  const auto submitted = [&](std::string party, ModuleSubmitted event) { return put(by(party, std::move(event))); };
  const Hash good = put_statement(statement(), {&operator_key});
  EXPECT_EQ(submitted("acme", {"feed-ranker", 1, module, sha256("none"), 1000}), "module.statement.missing");
  EXPECT_EQ(submitted("acme", {"feed-ranker", 1, sha256("other"), good, 1000}), "module.statement.other");
  EXPECT_EQ(submitted("acme", {"feed-ranker", 2, module, good, 1000}), "module.statement.other");
  EXPECT_EQ(submitted("acme", {"trainer", 1, module, good, 1000}), "module.undeclared");
  EXPECT_EQ(submitted("oak", {"feed-ranker", 1, module, good, 1000}), "module.unsigned");
  EXPECT_EQ(submitted("app", {"feed-ranker", 1, module, good, 1000}), "party.wrong");
  documents[document_path(DocumentKind::statement, good)] += " ";
  EXPECT_EQ(submitted("acme", {"feed-ranker", 1, module, good, 1000}), "module.statement.forged");
  EXPECT_TRUE(ledger.submitted_modules().empty());
}

TEST_F(ModulesTest, AReleaseNeedsTheQuorumAndJustTheStatementThatWasShown) {
  submit_and_show();
  const auto released = [&](const Hash& with, std::vector<std::string> signed_by) {
    return put(by("acme", ModuleReleased{"feed-ranker", 1, module, with, std::move(signed_by)}));
  };
  const std::string operators = operator_key.verifier().text(), overseers = overseer_key.verifier().text();
  EXPECT_EQ(released(put_statement(statement(), {&operator_key}), {operators}), "agreement.module.quorum");
  const Hash by_trustee = put_statement(statement(), {&operator_key, &trustee_key});
  EXPECT_EQ(released(by_trustee, {operators, trustee_key.verifier().text()}), "agreement.module.quorum");
  EXPECT_EQ(released(by_trustee, {operators, overseers}), "agreement.module.quorum");
  const Hash good = put_statement(statement(), {&operator_key, &overseer_key});
  EXPECT_EQ(released(good, {operators}), "module.signers.wrong");
  EXPECT_EQ(released(good, {overseers, operators}), "module.signers.wrong");
  sealed::ModuleStatement other = statement();
  other.builder = "somebody else";
  EXPECT_EQ(released(put_statement(other, {&operator_key, &overseer_key}), {operators, overseers}),
            "module.statement.other");
  const SigningKey impostor = key("treasury", 9);  // of the overseer's name
  EXPECT_EQ(released(put_statement(statement(), {&operator_key, &impostor}), {operators, impostor.verifier().text()}),
            "agreement.module.quorum");
  EXPECT_EQ(in_force(), nullptr);
  EXPECT_EQ(released(good, {operators, overseers}), "");
}

TEST_F(ModulesTest, VersionsOnlyGoUpSoThatOldSignaturesReleaseNothing) {
  submit_and_show(2);
  EXPECT_EQ(put(release(2)), "");
  EXPECT_EQ(put(release(2)), "module.version.stale");
  EXPECT_EQ(put(submission(1)), "module.version.stale");
  EXPECT_EQ(put(submission(3)), "");  // the same file under a new statement is shown anew
  EXPECT_EQ(put(release(3)), "module.unseen");
  show();
  EXPECT_EQ(put(release(3)), "");
  EXPECT_EQ(in_force()->version, 3u);
}

TEST_F(ModulesTest, IsWithdrawnByAnyOfThoseWhoMustSignOrTheTrustee) {
  submit_and_show();
  EXPECT_EQ(put(release()), "");
  EXPECT_EQ(put(by("app", ModuleWithdrawn{"feed-ranker", module})), "party.wrong");
  EXPECT_EQ(put(by("treasury", ModuleWithdrawn{"feed-ranker", sha256("other")})), "module.unknown");
  EXPECT_EQ(put(by("treasury", ModuleWithdrawn{"trainer", module})), "module.unknown");
  EXPECT_EQ(put(by("treasury", ModuleWithdrawn{"feed-ranker", module})), "");
  EXPECT_EQ(in_force(), nullptr);
  EXPECT_TRUE(ledger.module_releases().at("feed-ranker").withdrawn);
  EXPECT_EQ(put(by("oak", ModuleWithdrawn{"feed-ranker", module})), "module.unknown");
  EXPECT_EQ(put(release()), "module.unknown");
  EXPECT_EQ(put(submission()), "module.version.stale");
  submit_and_show(2);
  EXPECT_EQ(put(by("oak", ModuleWithdrawn{"feed-ranker", module})), "");  // before it was released
  EXPECT_EQ(put(submission(2)), "module.version.stale");
  submit_and_show(3);
  EXPECT_EQ(put(release(3)), "");
  EXPECT_NE(in_force(), nullptr);
}

TEST_F(ModulesTest, AFileBelongsToOneNameAndAForgedReleaseHasNoEffect) {
  EXPECT_EQ(put(submission()), "");
  Entry forged = release();
  EXPECT_EQ(put(forged), "module.unseen");
  EXPECT_EQ(in_force(), nullptr);
  show();
  forged = release();
  forged.agreement = 2;
  EXPECT_EQ(put(forged), "agreement.version.stale");
  EXPECT_EQ(in_force(), nullptr);
}

TEST_F(ModulesTest, WhoReleasesIsSaidByTheAgreementThen) {
  submit_and_show();
  ASSERT_EQ(put(adoption(2, "{signed-by: [operator, trustee, overseer]}")), "");
  EXPECT_EQ(put(release()), "agreement.module.quorum");
  ASSERT_EQ(put(adoption(3, "{signed-by: any 1}")), "");
  EXPECT_EQ(put(release()), "");
  ASSERT_EQ(put(adoption(4, "{signed-by: any 1}")), "");
  EXPECT_NE(in_force(), nullptr);  // stays in force
  EXPECT_EQ(put(by("acme", ModuleWithdrawn{"feed-ranker", module})), "");
}

TEST_F(ModulesTest, SnapshotsHoldThem) {
  submit_and_show();
  EXPECT_EQ(put(release()), "");
  submit_and_show(2);
  const Bytes snapshot = ledger.snapshot();
  auto restored = Ledger::restore(snapshot, reader());
  ASSERT_TRUE(restored) << restored.error().text();
  EXPECT_EQ(restored->snapshot(), snapshot);
  EXPECT_EQ(restored->released_module("feed-ranker")->version, 1u);
  EXPECT_TRUE(restored->admit(release(2)));
  EXPECT_EQ(restored->admit(release(1)).error().slug, "module.unknown");
  for (std::size_t cut = 0; cut < snapshot.size(); ++cut) {
    EXPECT_FALSE(Ledger::restore(ByteView(snapshot).substr(0, cut), reader())) << cut;
  }
}

}  // namespace
}  // namespace holdfast::ledger
