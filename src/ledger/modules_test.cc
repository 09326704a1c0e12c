#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/hash.h"
#include "ledger/ledger.h"
#include "sealed/provenance/statement.h"

namespace holdfast::ledger {
namespace {

using namespace evidence;
using testing::ElementsAre;

SigningKey key(const std::string& name, char seed) { return *SigningKey::from_seed(name, std::string(32, seed)); }

/// An agreement whose flow `feed` runs feed-ranker; operator and overseer release modules that the overseer and the app
/// were shown.
class ModulesTest : public testing::Test {
 protected:
  ModulesTest() { EXPECT_EQ(put(adoption(1)), ""); }

  Entry adoption(unsigned number, const std::string& module_change =
                                      "{signed-by: [operator, overseer], "
                                      "seen-by: [overseer, app]}") {
    const std::string text =
        "holdfast: 1\nagreement: test\nversion: " + std::to_string(number) +
        "\nsubjects: {country: US, served-by: [app]}\nparties:\n  acme: {role: operator, country: CN, key: " +
        operator_key.verifier().text() +
        "}\n  oak: {role: trustee, country: US, key: " + trustee_key.verifier().text() +
        "}\n  treasury: {role: overseer, country: US, key: " + overseer_key.verifier().text() +
        "}\n  app: {role: recipient, country: US, operated-by: oak}\ncollections:\n  views:\n    from: [app]\n"
        "    key: event\n    keep: 5y\n    fields:\n      video: {type: text, category: user.behavior}\nflows:\n"
        "  feed:\n    to: subject via app\n    use: personalize.content\n    run: feed-ranker\n"
        "    reads: {views: [video]}\n    output: 16KiB\n"
        "changes:\n  agreement: {signed-by: [operator, trustee, overseer]}\n  module: " +
        module_change + "\n";
    Note note = *Note::create(text);
    AgreementAdopted adopted{sha256(text), "test", number, {}};
    for (const SigningKey* signer : {&operator_key, &trustee_key, &overseer_key}) {
      note.sign(*signer);
      adopted.signed_by.push_back(signer->verifier().text());
    }
    documents[document_path(DocumentKind::agreement, adopted.document)] = note.encode();
    version = number;
    return {now, number, "oak", adopted};
  }
  DocumentReader reader() {
    return [this](DocumentKind kind, const Hash& hash) -> Result<std::string> {
      const auto found = documents.find(document_path(kind, hash));
      if (found == documents.end()) return fail(Code::not_found, "test.missing", "", "no such document");
      return found->second;
    };
  }
  Entry by(const std::string& party, Event event) { return {now++, version, party, std::move(event)}; }
  /// "" if it was right.
  std::string put(const Entry& entry) {
    const auto right = ledger.admit(entry);
    ledger.apply(entry);
    return right ? "" : std::string(right.error().slug);
  }

  sealed::ModuleStatement statement(unsigned number = 1) const {
    return {"feed-ranker", module, number, {sha256("root"), 12}, "acme", "clang", {"-O3"}};
  }
  /// Puts the signed statement beside the log and answers its hash.
  Hash put_statement(const sealed::ModuleStatement& what, const std::vector<const SigningKey*>& signers) {
    sealed::Envelope envelope{*sealed::to_json(what), {}};
    for (const SigningKey* signer : signers) envelope.sign(*signer);
    const std::string bytes = envelope.encode();
    documents[document_path(DocumentKind::statement, sha256(bytes))] = bytes;
    return sha256(bytes);
  }
  Entry submission(unsigned number = 1) {
    return by("acme",
              ModuleSubmitted{"feed-ranker", number, module, put_statement(statement(number), {&operator_key}), 1000});
  }
  Entry release(unsigned number = 1) {
    return by("acme", ModuleReleased{"feed-ranker",
                                     number,
                                     module,
                                     put_statement(statement(number), {&operator_key, &overseer_key}),
                                     {operator_key.verifier().text(), overseer_key.verifier().text()}});
  }
  void show() {
    for (const char* party : {"treasury", "app"}) EXPECT_EQ(put(by(party, ModuleShown{module})), "");
  }
  void submit_and_show(unsigned number = 1) {
    EXPECT_EQ(put(submission(number)), "");
    show();
  }
  const Ledger::ReleasedModule* in_force() const { return ledger.released_module("feed-ranker"); }

  const SigningKey operator_key = key("acme", 2), trustee_key = key("oak", 3), overseer_key = key("treasury", 4);
  const Hash module = sha256("module");
  std::map<std::string, std::string> documents;
  Ledger ledger{reader()};
  UnixMillis now = 1'790'000'000'000;
  std::uint32_t version = 0;
};

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
