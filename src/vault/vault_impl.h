#pragma once

#include <atomic>
#include <mutex>
#include <unordered_set>

#include "vault/gate.h"
#include "vault/items.h"
#include "vault/key_cache.h"
#include "vault/vault.h"

namespace holdfast::vault {

/// The item of a locker on the keys shelf that holds its wrapped key.
inline constexpr std::string_view kKeyItem = "key";

/// In a locker of the vault's own on each shelf: the history that the shelf belongs to.
inline constexpr std::string_view kHistoryItem = "history";

/// In the vault's own locker on the records shelf: how many erasures were finished, over all starts.
inline constexpr std::string_view kErasuresItem = "erasures";

/// Lockers of the vault's own. A subject's locker is a MAC, which meets one of these with odds of 2^-128.
inline constexpr LockerId kVaultLocker{};  ///< keys: the vault's own key, history
inline constexpr LockerId kTodoLocker{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};  ///< keys: locker → pseudonym
inline constexpr LockerId kBatchLocker{
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};  ///< records: answers, erasures, history

/// What the wrap of a locker's key is bound to.
Bytes key_context(const LockerId& locker);
/// unavailable "vault.subject.erasing".
tl::unexpected<Error> still_erasing();

struct Vault::Impl {
  Impl(storage::Store& s, RootKeys& r, const Clock& c) : store(s), roots(r), clock(c) {}

  storage::Store& store;
  RootKeys& roots;
  const Clock& clock;
  Key256 vault_key, locator_key, batch_key;

  /// Passed by whoever writes under a key it read or wrapped before: after drain() no such write is under way.
  Gate gate;
  mutable std::mutex erasing_mutex;
  std::unordered_set<LockerId, FixedHasher> erasing;  ///< begun or tried to, not finished
  std::atomic<std::uint64_t> erasures{0};             ///< finished, over all starts
  std::mutex finishing_mutex;                         ///< one call finishes erasures at a time
  std::mutex todo_mutex;                              ///< guards the todo locker against being shredded while it fills
  std::mutex rotation_mutex;
  mutable KeyCache keys;

  Result<void> start();
  Result<Key256> own_key();
  bool is_erasing(const LockerId& locker) const;

  /// not_found "vault.subject.unknown".
  Result<Subject> open(const LockerId& locker) const;
  Result<Bytes> data_key(const LockerId& locker) const;
  Result<Bytes> unwrap(const LockerId& locker, ByteView wrapped) const;
  /// A new data key and its wrapped form, not yet stored.
  Result<std::pair<Subject, Bytes>> make_subject(const LockerId& locker) const;
  /// Was this subject's key not replaced since it was opened?
  bool still_stands(const Subject& subject) const;

  /// What does not open is judged: not damaged, if the subject was erased since and came back under another key.
  /// conflict "vault.subject.erased".
  template <class T>
  Result<T> judged(const Subject& subject, Result<T> opened) const {
    if (opened || opened.error().code != Code::corrupt || still_stands(subject)) return opened;
    return fail(Code::conflict, "vault.subject.erased", "",
                "the subject was erased since it was opened; open it again");
  }
  Result<Bytes> open_record(const Subject& subject, ByteView item_key, ByteView value) const {
    return judged(subject, unseal_record(subject.key_, subject.locker(), item_key, value));
  }
  Result<Chunk> open_chunk(const Subject& subject, ByteView item_key, ByteView value) const {
    return judged(subject, unseal_chunk(subject.key_, subject.locker(), item_key, value));
  }
  Result<StoredRecord> stored_record(const Subject& subject, ByteView item_key, ByteView value) const;

  /// As the draft would leave it.
  Result<std::optional<Bytes>> load(const Draft& draft, ByteView item_key) const;
  static void put(Draft& draft, Bytes item_key, Bytes value);
  Result<std::optional<Remembered>> recall(const Key256& key, const LockerId& locker, std::string_view name) const;
  Result<std::uint64_t> erasures_so_far() const;
  /// What an item of the vault's own locker says: a count of erasures.
  Result<std::optional<std::uint64_t>> kept_count(ByteView item_key) const;
  /// Has the vault's own locker know that this was erasure `number`.
  storage::LockerChange erasure_change(const LockerId& erased, std::uint64_t number) const;
  /// That, and the requests that the erased subject's locker remembers, without what they said.
  Result<void> keep_erased(const LockerId& erased, std::uint64_t number);
  /// All chunks of a collection as the draft would leave them, oldest first.
  Result<void> chunks(const Subject& subject, const Draft* draft, CollectionId collection,
                      const std::function<Result<bool>(const Chunk&)>& visit) const;
  Result<void> find_known(const Draft& draft, const Retention& retention, std::span<const EncodedRow> rows,
                          std::vector<AppendOutcome>& outcomes) const;

  /// Does the sweep have to do anything in this locker? Looks at headers only.
  Result<bool> any_expired(const LockerId& locker, std::span<const Retention> rules) const;
  Result<Draft> draft_expiry(const LockerId& locker, std::span<const Retention> rules, Sweep& counts) const;
  /// Draft the removal of what expired, and answer how many records or answers that is.
  Result<std::uint64_t> expire_record(Draft& draft, const Retention& rule) const;
  Result<std::uint64_t> expire_rows(Draft& draft, const Retention& rule) const;
  Result<std::uint64_t> expire_answers(Draft& draft) const;
  /// What was deposited then or before is past its keep now.
  UnixMillis expired_until(std::chrono::seconds keep) const;

  /// Wraps the lockers' keys anew where the newest root key does not wrap them already.
  Result<void> rewrap(std::span<const LockerId> lockers, const RootKeyId& newest);
};

}  // namespace holdfast::vault
