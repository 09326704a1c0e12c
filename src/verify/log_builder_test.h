#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "agreement/agreement.h"
#include "base/hash.h"
#include "evidence/formats/checkpoint.h"
#include "evidence/formats/entry.h"
#include "ledger/ledger.h"
#include "sealed/provenance/statement.h"
#include "verify/tile_tree.h"

namespace holdfast::verify {

/// A directory that goes when it is dropped.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-verify-XXXXXX").string();
    HF_ASSERT(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  std::string str() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

inline SigningKey test_key(const std::string& name, char seed) {
  return *SigningKey::from_seed(name, std::string(32, seed));
}

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void spit(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

/// Writes logs by hand, right ones and wrong ones, in the layout that verify reads. Nothing is checked on the way.
class LogBuilder {
 public:
  const SigningKey log_key = test_key("log.example/us", 1);
  const SigningKey operator_key = test_key("acme", 2), trustee_key = test_key("oak", 3),
                   overseer_key = test_key("treasury", 4);

  std::vector<VerifierKey> parties() const {
    return {operator_key.verifier(), trustee_key.verifier(), overseer_key.verifier()};
  }

  /// An agreement with the flows `account` (to app, e-mail clear, no limit) and `support` (to acme, e-mail as token,
  /// at most `support_limit`), and at most `bulk` subjects to CN in 2 days.
  std::string document(unsigned agreement_version, const std::string& support_limit = "3 subjects per day",
                       unsigned bulk = 1'000'000) const {
    return "holdfast: 1\nagreement: test\nversion: " + std::to_string(agreement_version) +
           "\nsubjects: {country: US, served-by: [app]}\nlog: " + log_key.verifier().text() +
           "\nparties:\n  acme: {role: operator, country: CN, key: " + operator_key.verifier().text() +
           "}\n  oak: {role: trustee, country: US, key: " + trustee_key.verifier().text() +
           "}\n  treasury: {role: overseer, country: US, key: " + overseer_key.verifier().text() +
           "}\n  app: {role: recipient, country: US, operated-by: oak}\n"
           "collections:\n  profile:\n    from: [app]\n    keep: 5y\n    fields:\n"
           "      email: {type: text, category: user.contact.email}\n"
           "flows:\n  account:\n    to: app\n    use: essential.service\n    gives: {profile: {email: clear}}\n"
           "  support:\n    to: acme\n    use: essential.service.operations.support\n"
           "    gives: {profile: {email: token}}\n    limit: " +
           support_limit +
           "\n  feed: {to: subject via app, use: personalize.content, run: ranker, reads: {profile: [email]},"
           " output: 1KiB}"
           "\n  train: {use: personalize.content, run: ranker, reads: {profile: [email]}, makes: model, output: 1KiB}"
           "\n  hints: {to: subject via app, use: personalize.content, run: ranker, reads: {profile: [email]},"
           " with: model, output: 1KiB}"
           "\n  sums: {to: acme, use: functional.service.improve, aggregate: {from: profile, by: [], measure: {people: "
           "count},"
           " privacy: {epsilon: 1, delta: 1e-9, per: week, contributions: 1}}}"
           "\nprohibitions:\n  - {bulk: user.contact, to: {country: CN}, at-most: " +
           std::to_string(bulk) +
           " subjects per 2 days}\n"
           "changes:\n  agreement: {signed-by: [operator, trustee, overseer]}\n"
           "  module: {signed-by: [operator, overseer], seen-by: [overseer]}\n";
  }

  static Hash ranker() { return sha256("ranker"); }
  /// Puts a statement of the ranker beside the log and answers its hash.
  Hash state(unsigned module_version, const std::vector<const SigningKey*>& signers) {
    sealed::Envelope envelope{
        *sealed::to_json({"ranker", ranker(), module_version, {sha256("root"), 3}, "acme", "clang", {}}), {}};
    for (const SigningKey* key : signers) envelope.sign(*key);
    statements.push_back(envelope.encode());
    return sha256(statements.back());
  }
  /// The ranker's life up to its release.
  void submit(unsigned module_version) {
    append("acme",
           evidence::ModuleSubmitted{"ranker", module_version, ranker(), state(module_version, {&operator_key}), 1000});
  }
  void show() { append("treasury", evidence::ModuleShown{ranker()}); }
  evidence::ModuleReleased release(unsigned module_version) {
    return {"ranker",
            module_version,
            ranker(),
            state(module_version, {&operator_key, &overseer_key}),
            {operator_key.verifier().text(), overseer_key.verifier().text()}};
  }

  /// A job of the flow `train`.
  static evidence::JobStarted train() {
    return {"train", R"({"profile":{"email":"read"}})", {ranker(), {}, {}, 1'790'000'000'000}};
  }
  static evidence::JobFinished trained(std::uint64_t job, std::uint64_t size = 100) {
    return {job, "model", sha256("product"), 3, 4, size};
  }
  /// A release of the flow `hints`, whose module ran with what `job` made.
  static evidence::Released hints(std::uint64_t job) {
    evidence::Released out = account(1);
    out.flow = "hints";
    out.gives = R"({"profile":{"email":"read"}})";
    out.run = evidence::ModuleRun{ranker(), job, {}, 1'790'000'000'000};
    return out;
  }

  /// Sums of the flow `sums`; `first`: they spend the window's budget.
  static evidence::AggregateReleased sums(const std::string& table, bool first) {
    evidence::AggregateReleased out{"sums", "acme", R"({"profile":{"email":"aggregate"}})", 1, sha256(table), 40, {}};
    if (first) out.spent = evidence::PrivacySpent{"1e-9", "1"};
    return out;
  }

  /// Signs, puts the document beside the log, and appends the adoption.
  void adopt(const std::string& text, unsigned agreement_version, const std::vector<const SigningKey*>& signers) {
    Note note = *Note::create(text);
    evidence::AgreementAdopted adopted{sha256(text), "test", agreement_version, {}};
    for (const SigningKey* key : signers) {
      note.sign(*key);
      adopted.signed_by.push_back(key->verifier().text());
    }
    documents.emplace_back(to_hex(adopted.document.view()), note.encode());
    version = agreement_version;
    append("oak", adopted);
  }
  void adopt(const std::string& text, unsigned agreement_version) {
    adopt(text, agreement_version, {&operator_key, &trustee_key, &overseer_key});
  }

  void append(const std::string& party, evidence::Event event) {
    evidence::Entry entry;
    entry.at = now++;
    entry.agreement = version;
    entry.party = party;
    entry.event = std::move(event);
    entries.push_back(entry.encode());
  }
  static Pseudonym subject(unsigned number) {
    return *Pseudonym::from(sha256("subject " + std::to_string(number)).view().substr(0, Pseudonym::kSize));
  }
  static evidence::Released account(unsigned number) {
    return {"account", "app", subject(number), R"({"profile":{"email":"clear"}})", 1, sha256("payload"), 64};
  }
  static evidence::Released support(unsigned number) {
    return {"support", "acme", subject(number), R"({"profile":{"email":"token"}})", 1, sha256("payload"), 64};
  }
  void deposit(unsigned number) {
    append("app", evidence::Deposited{"profile", subject(number), 1, 1, sha256("records")});
  }

  std::string checkpoint(std::size_t size, const SigningKey& key) const {
    TileTree tree;
    for (std::size_t i = 0; i < size; ++i) tree.append(evidence::leaf_hash(entries[i]), [](auto&, auto) {});
    Note note = *Note::create(evidence::Checkpoint{key.verifier().name(), size, tree.root()}.text());
    note.sign(key);
    return note.encode();
  }
  std::string checkpoint() const { return checkpoint(entries.size(), log_key); }

  /// Everything a static server needs, as of now.
  void write(const std::filesystem::path& to) const {
    TileTree tree;
    const auto put = [&to](const evidence::TileId& id, std::span<const Hash> hashes) {
      std::string bytes;
      for (const Hash& hash : hashes) bytes += hash.view();
      spit(to / id.path(), bytes);
    };
    std::string bundle;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      tree.append(evidence::leaf_hash(entries[i]), put);
      evidence::put_entry(bundle, entries[i]);
      const auto width = static_cast<std::uint16_t>(i % 256 + 1);
      if (width < 256 && i + 1 < entries.size()) continue;
      spit(to / evidence::TileId{true, 0, i / 256, width}.path(), bundle);
      bundle.clear();
    }
    for (std::size_t level = 0; level < tree.levels(); ++level) {
      if (!tree.edge(level).empty()) put(tree.edge_id(level), tree.edge(level));
    }
    for (const auto& [hash, note] : documents) spit(to / ("agreement/" + hash), note);
    for (const std::string& statement : statements) {
      spit(to / ledger::document_path(ledger::DocumentKind::statement, sha256(statement)), statement);
    }
    spit(to / "checkpoint", checkpoint());
  }

  std::vector<std::string> entries;
  std::vector<std::string> statements;
  std::vector<std::pair<std::string, std::string>> documents;
  UnixMillis now = 1'790'000'000'000;  // 2026-09-21, a Monday afternoon
  std::uint32_t version = 0;
};

}  // namespace holdfast::verify
