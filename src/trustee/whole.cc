#include "trustee/whole.h"

#include "evidence/formats/tree.h"
#include "evidence/names.h"
#include "ledger/ledger.h"
#include "trustee/state.h"

namespace holdfast::trustee {
namespace {

/// Follows a log as State does, for whoever only looks.
class Onlooker final : public evidence::Follower {
 public:
  explicit Onlooker(const storage::Store& store) : store_(store), ledger_(documents_in(store)) {}
  Result<void> admit(const evidence::Entry& entry) const override { return ledger_.admit(entry); }
  Result<void> follow(std::uint64_t index, const evidence::Entry& entry) override {
    ledger_.apply(index, entry);
    if (const auto& unread = ledger_.unread()) return tl::unexpected<Error>(*unread);
    return {};
  }
  const agreement::PlanPtr& plan() const { return ledger_.plan(); }
  Bytes snapshot() const override { return ledger_.snapshot(); }
  Result<void> restore(ByteView snapshot) override {
    HF_TRY(ledger_, ledger::Ledger::restore(snapshot, documents_in(store_)));
    return {};
  }

 private:
  const storage::Store& store_;
  ledger::Ledger ledger_;
};

}  // namespace

Result<void> check_whole(const storage::Store& store) {
  HF_TRY(const std::uint64_t entries, store.end(evidence::kJournal));
  HF_TRY(const vault::Holdings held, vault::Vault::holdings(store));
  if (entries == 0) {
    // Nothing is deposited before an agreement is adopted, which is the log's first entry.
    if (!held.subject_keys && !held.records && !held.keys_history && !held.records_history) return {};
    return fail(Code::corrupt, "evidence.log.missing", "",
                "there are records or keys, but the evidence log that belongs to them is gone; records without their "
                "evidence are served by nobody: restore a backup with its log, or all of data/ as it was");
  }
  if (!held.own_key) {
    return fail(Code::corrupt, "vault.keys.missing", "",
                "there is evidence, but the vault's own key is gone; restore the keys part of the backup too");
  }
  if (held.keys_history && !held.records_history && !held.records) {
    return fail(Code::corrupt, "vault.records.missing", "",
                "there are evidence and keys, but the records are gone; restore the records part of the backup too");
  }
  return {};
}

Result<std::uint64_t> examine_whole(const storage::Store& store, const VerifierKey& log_key) {
  HF_CHECK(check_whole(store));
  Onlooker onlooker(store);
  HF_TRY(const std::uint64_t entries, evidence::Log::examine(store, log_key, onlooker));
  if (onlooker.plan()) HF_CHECK(check_log_key(*onlooker.plan(), log_key));
  return entries;
}

Result<void> check_log_key(const agreement::Plan& plan, const VerifierKey& key) {
  if (!plan.log || *plan.log == key) return {};
  return fail(Code::corrupt, "agreement.log.other", key.text(),
              "this is not the log's key that the agreement in force names, " + plan.log->text() +
                  "; put that one back. Nothing was signed with this one");
}

Result<void> bind_history(const storage::Store& store, vault::Vault& vault, const evidence::Log& log) {
  if (log.size() == 0) return {};
  HF_TRY(const Bytes first, log.entry(0));
  const Hash history = evidence::leaf_hash(first);
  HF_TRY(const vault::Holdings held, vault::Vault::holdings(store));
  for (const auto& said : {held.keys_history, held.records_history}) {
    if (!said || *said == history) continue;
    return fail(Code::corrupt, "evidence.log.other", "",
                "this evidence log is not the one that the records or keys here belong to; restore all three from one "
                "backup");
  }
  return vault.bind_history(history);
}

}  // namespace holdfast::trustee
