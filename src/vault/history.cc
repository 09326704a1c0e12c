#include "vault/vault_impl.h"

namespace holdfast::vault {
namespace {

using storage::LockerChange;
using storage::Shelf;

Result<std::optional<Hash>> history_of(const storage::Store& store, Shelf shelf, const LockerId& locker) {
  HF_TRY(const auto stored, store.get(shelf, locker, kHistoryItem));
  if (!stored) return std::optional<Hash>();
  const auto first = Hash::from(*stored);
  if (first) return first;
  return fail(Code::corrupt, "vault.item.malformed", place(locker, kHistoryItem),
              "what says which evidence this belongs to is cut short; restore a backup");
}

/// Is there a locker on `shelf` beside the vault's `own`?
Result<bool> holds_more(const storage::Store& store, Shelf shelf, const LockerId& own) {
  HF_TRY(const auto lockers, store.list(shelf, std::nullopt, 2));
  for (const LockerId& locker : lockers) {
    if (locker != own) return true;
  }
  return false;
}

Result<bool> holds_answers(const storage::Store& store) {
  bool found = false;
  HF_CHECK(store.scan(Shelf::records, kBatchLocker, {}, {}, [&found](ByteView key, ByteView) {
    found = key != kHistoryItem && key != kErasuresItem;
    return !found;
  }));
  return found;
}

}  // namespace

Result<Holdings> Vault::holdings(const storage::Store& store) {
  Holdings out;
  HF_TRY(const auto own_key, store.get(Shelf::keys, kVaultLocker, kKeyItem));
  out.own_key = own_key.has_value();
  HF_TRY(out.subject_keys, holds_more(store, Shelf::keys, kVaultLocker));
  HF_TRY(out.records, holds_more(store, Shelf::records, kBatchLocker));
  if (!out.records) {
    HF_TRY(out.records, holds_answers(store));
  }
  HF_TRY(out.keys_history, history_of(store, Shelf::keys, kVaultLocker));
  HF_TRY(out.records_history, history_of(store, Shelf::records, kBatchLocker));
  return out;
}

Result<void> Vault::bind_history(const Hash& first) {
  // Records before keys: so keys that say it beside records that do not are without their records.
  for (const auto& [shelf, locker] : {std::pair(Shelf::records, kBatchLocker), std::pair(Shelf::keys, kVaultLocker)}) {
    HF_TRY(const auto before, history_of(impl_->store, shelf, locker));
    if (before == first) continue;
    const LockerChange change{shelf, locker, storage::kAnyVersion, {{Bytes(kHistoryItem), Bytes(first.view())}}, {}};
    HF_CHECK(impl_->store.apply({&change, 1}).front());
  }
  return {};
}

}  // namespace holdfast::vault
