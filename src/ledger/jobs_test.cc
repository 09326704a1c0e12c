// Jobs and products, as the log tells of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "agreement/agreement.h"
#include "base/hash.h"
#include "ledger/ledger.h"
#include "sealed/provenance/statement.h"

namespace holdfast::ledger {
namespace {

using namespace evidence;
using testing::ElementsAre;

SigningKey key(const std::string& name, char seed) { return *SigningKey::from_seed(name, std::string(32, seed)); }

class Jobs : public testing::Test {
 protected:
  std::string text(unsigned version, const std::string& reads = "{profile: [email]}") const {
    return "holdfast: 1\nagreement: test\nversion: " + std::to_string(version) +
           "\nsubjects: {country: US}\nparties:\n  acme: {role: operator, country: CN, key: " +
           operator_key.verifier().text() +
           "}\n  oak: {role: trustee, country: US, key: " + trustee_key.verifier().text() +
           "}\n  treasury: {role: overseer, country: US, key: " + overseer_key.verifier().text() +
           "}\n  app: {role: recipient, country: US}\ncollections:\n  profile:\n    from: [app]\n    keep: 5y\n"
           "    fields:\n      email: {type: text, category: user.contact.email}\n"
           "      age: {type: integer, category: user.demographic}\nflows:\n"
           "  train:\n    use: personalize.content\n    run: trainer\n    reads: " +
           reads +
           "\n    makes: model\n    output: 1KiB\n"
           "  index:\n    use: personalize.content\n    run: indexer\n    reads: {profile: [age]}\n    with: model\n"
           "    makes: index\n    output: 1KiB\n"
           "changes:\n  agreement: {signed-by: [operator, trustee, overseer]}\n  module: {signed-by: operator}\n";
  }
  void adopt(unsigned version, const std::string& document) {
    Note note = *Note::create(document);
    AgreementAdopted adopted{sha256(document), "test", version, {}};
    for (const SigningKey* signer : {&operator_key, &trustee_key, &overseer_key}) {
      note.sign(*signer);
      adopted.signed_by.push_back(signer->verifier().text());
    }
    documents[document_path(DocumentKind::agreement, adopted.document)] = note.encode();
    in_force = version;
    ASSERT_EQ(put("oak", adopted), "");
  }
  /// The first agreement, and its two modules released.
  void begin(const std::string& document) {
    adopt(1, document);
    for (const char* name : {"trainer", "indexer"}) release(name, 1);
  }
  void release(const std::string& name, std::uint32_t version) {
    const Hash module = sha256(name);
    sealed::Envelope envelope{*sealed::to_json({name, module, version, {sha256("root"), 12}, "acme", "clang", {"-O3"}}),
                              {}};
    envelope.sign(operator_key);
    const std::string bytes = envelope.encode();
    documents[document_path(DocumentKind::statement, sha256(bytes))] = bytes;
    ASSERT_EQ(put("acme", ModuleSubmitted{name, version, module, sha256(bytes), 1000}), "");
    ASSERT_EQ(put("acme", ModuleReleased{name, version, module, sha256(bytes), {operator_key.verifier().text()}}), "");
  }
  DocumentReader reader() {
    return [this](DocumentKind kind, const Hash& hash) -> Result<std::string> {
      return documents.at(document_path(kind, hash));
    };
  }
  JobStarted starting(const std::string& flow, std::optional<std::uint64_t> with = {}) const {
    const bool trains = flow == "train";
    return {flow,
            trains ? reads_of_train : R"({"profile":{"age":"read"}})",
            {sha256(trains ? "trainer" : "indexer"), with, {}, now}};
  }
  /// "" if it was right.
  std::string put(const std::string& party, Event event) {
    const Entry entry{now++, in_force, party, std::move(event)};
    const auto right = ledger.admit(entry);
    ledger.apply(index++, entry);
    return right ? "" : std::string(right.error().slug);
  }
  std::uint64_t start(const std::string& flow, std::optional<std::uint64_t> with = {}) {
    EXPECT_EQ(put("oak", starting(flow, with)), "");
    return index - 1;
  }
  static JobFinished finished(std::uint64_t job, const std::string& product, std::uint64_t size = 1000) {
    return {job, product, sha256("digest"), 3, 4, size};
  }

  const SigningKey operator_key = key("acme", 2), trustee_key = key("oak", 3), overseer_key = key("treasury", 4);
  std::map<std::string, std::string> documents;
  Ledger ledger{reader()};
  std::uint64_t index = 0;
  std::uint32_t in_force = 0;
  std::string reads_of_train = R"({"profile":{"email":"read"}})";
  UnixMillis now = 1'790'000'000'000;
};

TEST_F(Jobs, ANewerProductTakesTheOldOnesPlace) {
  begin(text(1));
  const auto first = start("train");
  EXPECT_FALSE(ledger.product("model"));
  EXPECT_EQ(put("oak", finished(first, "model")), "");
  EXPECT_EQ(ledger.product("model")->job, first);
  const auto second = start("train");
  EXPECT_EQ(ledger.product("model")->job, first);
  EXPECT_EQ(put("oak", finished(second, "model")), "");
  EXPECT_EQ(ledger.product("model")->job, second);
  EXPECT_EQ(ledger.products().size(), 1u);
}

TEST_F(Jobs, BeginAsTheAgreementSays) {
  begin(text(1));
  EXPECT_EQ(put("oak", starting("index")), "product.stale");  // there is no model yet
  EXPECT_EQ(put("acme", starting("train")), "party.wrong");
  JobStarted other = starting("train");
  other.flow = "other";
  EXPECT_EQ(put("oak", other), "job.undeclared");
}

TEST_F(Jobs, BeginWithTheModuleInForceAndNothingElse) {
  begin(text(1));
  JobStarted other = starting("train");
  other.run.module = sha256("another");
  EXPECT_EQ(put("oak", other), "release.module");
  ASSERT_EQ(put("oak", JobCancelled{index - 1}), "");
  other = starting("train");
  other.gives = R"({"profile":{"age":"read"}})";
  EXPECT_EQ(put("oak", other), "release.form");
}

TEST_F(Jobs, EndWithTheModuleThatWasWithdrawn) {
  begin(text(1));
  const auto job = start("train");
  EXPECT_TRUE(ledger.may_finish(job));
  ASSERT_EQ(put("acme", ModuleWithdrawn{"trainer", sha256("trainer")}), "");
  EXPECT_EQ(ledger.may_finish(job).error().slug, "module.none");
  EXPECT_EQ(put("oak", finished(job, "model")), "module.none");
  EXPECT_FALSE(ledger.product("model"));
}

TEST_F(Jobs, OneOfAProductAtATime) {
  begin(text(1));
  const auto job = start("train");
  EXPECT_EQ(put("oak", starting("train")), "job.running");
  EXPECT_EQ(put("oak", JobCancelled{job}), "");
  // What was not right runs too, as far as the log tells.
  EXPECT_EQ(put("oak", JobFailed{job + 1, "spent"}), "");
  start("train");
}

TEST_F(Jobs, EndOnce) {
  begin(text(1));
  const auto job = start("train");
  EXPECT_EQ(put("acme", JobCancelled{job}), "party.wrong");
  EXPECT_EQ(put("oak", JobCancelled{job}), "job.ended");
  EXPECT_EQ(put("oak", JobFailed{job + 100, "spent"}), "job.unknown");
}

TEST_F(Jobs, AProductIsWhatTheFlowMakesAndNoLarger) {
  begin(text(1));
  const auto job = start("train");
  EXPECT_EQ(put("oak", finished(job, "index")), "job.product");
  EXPECT_FALSE(ledger.product("index"));
  const auto other = start("train");
  EXPECT_EQ(put("oak", finished(other, "model", 1025)), "job.size");
  EXPECT_FALSE(ledger.product("model"));
  EXPECT_EQ(put("oak", finished(other, "model")), "job.ended");
}

TEST_F(Jobs, RunWithTheProductInForce) {
  begin(text(1));
  const auto model = start("train");
  ASSERT_EQ(put("oak", finished(model, "model")), "");
  const auto job = start("index", model);
  const auto newer = start("train");
  ASSERT_EQ(put("oak", finished(newer, "model")), "");
  EXPECT_EQ(put("oak", finished(job, "index")), "product.stale");
  EXPECT_EQ(put("oak", starting("train", newer)), "product.stale");  // it runs with none
}

TEST_F(Jobs, AnotherAgreementEndsThem) {
  begin(text(1));
  const auto job = start("train");
  adopt(2, text(2));
  EXPECT_EQ(put("oak", finished(job, "model")), "job.agreement");
  EXPECT_FALSE(ledger.product("model"));
}

TEST_F(Jobs, AProductDoesNotCarryMoreThanTheAgreementSays) {
  reads_of_train = R"({"profile":{"age":"read","email":"read"}})";
  begin(text(1, "{profile: [email, age]}"));
  const auto job = start("train");
  ASSERT_EQ(put("oak", finished(job, "model")), "");
  adopt(2, text(2, "{profile: [age, email]}"));
  EXPECT_TRUE(ledger.product("model"));
  adopt(3, text(3, "{profile: [age]}"));
  EXPECT_FALSE(ledger.product("model"));
}

TEST_F(Jobs, LiveInSnapshots) {
  begin(text(1));
  ASSERT_EQ(put("oak", finished(start("train"), "model")), "");
  ASSERT_EQ(put("oak", JobFailed{start("train"), "sealed.worker.died"}), "");
  ASSERT_EQ(put("oak", JobCancelled{start("train")}), "");
  start("index", ledger.product("model")->job);
  const Bytes snapshot = ledger.snapshot();
  auto restored = Ledger::restore(snapshot, reader());
  ASSERT_TRUE(restored) << restored.error().text();
  EXPECT_EQ(restored->snapshot(), snapshot);
  EXPECT_EQ(restored->product("model")->records, 4u);
  std::vector<bool> open;
  for (const Ledger::Job& each : restored->jobs()) open.push_back(!each.end);
  EXPECT_THAT(open, ElementsAre(false, false, false, true));
  EXPECT_EQ(std::get<JobFailed>(*restored->jobs()[1].end).reason, "sealed.worker.died");
}

TEST_F(Jobs, OldOnesAreForgotten) {
  begin(text(1));
  for (std::size_t i = 0; i < Ledger::kJobsKept + 5; ++i) ASSERT_EQ(put("oak", JobCancelled{start("train")}), "");
  EXPECT_EQ(ledger.jobs().size(), Ledger::kJobsKept);
  EXPECT_EQ(ledger.jobs().front().id, 5u + 2 * 5);  // behind the adoption and the modules' two entries each
}

}  // namespace
}  // namespace holdfast::ledger
