#pragma once

#include <gtest/gtest.h>

#include <map>

#include "base/hash.h"
#include "ledger/ledger.h"
#include "sealed/provenance/statement.h"

namespace holdfast::ledger::testing {

using namespace evidence;

inline SigningKey key(const std::string& name, char seed) {
  return *SigningKey::from_seed(name, std::string(32, seed));
}

/// An agreement whose flow `feed` runs feed-ranker; operator and overseer release modules that the overseer and the app
/// were shown.
class ModulesTest : public ::testing::Test {
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
        "    reads: {views: [video]}\n    output: 16KiB\n    limit: 2 subjects per day\n"
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
    ledger.apply(index++, entry);
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
  std::uint64_t index = 0;  ///< of the next entry
  UnixMillis now = 1'790'000'000'000;
  std::uint32_t version = 0;
};

}  // namespace holdfast::ledger::testing
