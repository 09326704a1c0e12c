#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "storage/store.h"
#include "vault/names.h"
#include "vault/record.h"
#include "vault/root_keys.h"

namespace holdfast::vault {

inline constexpr std::size_t kAnswerBytesMax = 64u << 10;
/// How long an idempotency key is remembered at least.
inline constexpr std::chrono::hours kIdempotencyKept{24};

/// A subject whose data key has been unwrapped. As long as one of these lives its records can be read, also while
/// the subject is being erased: hold it for one operation, not longer. The key is wiped when it goes.
class Subject {
 public:
  const LockerId& locker() const { return locker_; }
  /// How evidence names this subject.
  const Pseudonym& pseudonym() const { return pseudonym_; }
  /// A key for another room's purpose, of this subject alone: it is gone when the subject is erased.
  Key256 derive_secret(std::string_view purpose) const;

 private:
  friend class Vault;
  Subject() = default;
  LockerId locker_;
  Pseudonym pseudonym_;
  Key256 key_;
  std::uint64_t erasures_ = 0;  ///< finished by the vault when this was opened: unchanged, the key still stands
};

/// How long the records of a collection are kept, counted from their deposit.
struct Retention {
  CollectionId collection = 0;
  std::chrono::seconds keep{0};
};

/// The one record of a collection.
struct StoredRecord {
  std::uint64_t version = 0;  ///< grows with every replacement, never given twice until an erasure: serves as ETag
  UnixMillis deposited = 0;
  Record record;
};

/// One record of an append-only collection; valid during the visit.
struct StoredRow {
  ByteView key;
  UnixMillis deposited = 0;  ///< never less than that of the row before
  const Record& record;
};
/// Answers false to stop.
using RowVisitor = std::function<bool(const StoredRow&)>;

struct Row {
  Bytes key;  ///< as check_row_key
  Record record;
};
/// The same, borrowed and encoded already (encode_record): what an import has a million of.
struct EncodedRow {
  ByteView key, record;
};

/// What a put may meet.
struct Expect {
  enum class Kind : std::uint8_t { anything, absent, version } kind = Kind::anything;
  std::uint64_t version = 0;
  static Expect anything() { return {}; }
  static Expect absent() { return {Kind::absent, 0}; }              ///< If-None-Match: *
  static Expect at(std::uint64_t v) { return {Kind::version, v}; }  ///< If-Match
};

/// What a put answers that meets another: conflict "vault.record.version".
tl::unexpected<Error> wrong_version();

struct PutOutcome {
  /// unchanged: the same content is there already. Its retention starts anew (which is written once it would be off by
  /// a hundredth of its keep, or a day), its version stays.
  enum class Kind : std::uint8_t { created, replaced, unchanged } kind = Kind::created;
  std::uint64_t version = 0;
};

/// Of one row. exists: another content stands under that key, and stays.
enum class AppendOutcome : std::uint8_t { appended, unchanged, exists };

/// What was answered to a request that carried an idempotency key.
struct Remembered {
  Hash request;  ///< a retry with another digest is another request under the same key
  Bytes answer;
};

/// Changes to one subject, encrypted and ready, of which nothing is on disk before Vault::commit: the trustee puts
/// the evidence between. Dropping a draft drops the changes. For one thread at a time.
class Draft {
 public:
  Draft(Draft&&) noexcept = default;
  Draft& operator=(Draft&&) noexcept = default;
  const Subject& subject() const { return subject_; }
  /// Nothing to write: every deposit in it was there already.
  bool empty() const { return change_.puts.empty() && change_.deletes.empty(); }
  /// What it holds in memory, about.
  std::size_t size_bytes() const;

 private:
  friend class Vault;
  explicit Draft(Subject subject) : subject_(std::move(subject)) {}
  Subject subject_;
  storage::LockerChange change_;
};

/// A piece of a sweep, ready to be committed.
struct Sweep {
  std::vector<Draft> drafts;
  std::vector<std::uint64_t> expired;  ///< records that go, one count for each Retention asked for
  std::uint64_t expired_answers = 0;   ///< idempotency keys that go
  std::vector<Error> failed;           ///< lockers that could not be read; the sweep went on without them
  std::optional<LockerId> next;        ///< go on after this one; nothing: the sweep is through
};

/// An erasure that was begun.
struct Erasure {
  LockerId locker;
  Pseudonym pseudonym;
};

/// A rotation that is through.
struct Rotation {
  RootKeyId from, to;
  std::uint64_t keys = 0;  ///< wrapped by `to`
};

/// What of a vault lies in a store. A history of evidence is named by the hash of its first entry.
struct Holdings {
  bool own_key = false;
  bool subject_keys = false;                          ///< of anybody, or an erasure to be finished
  bool records = false;                               ///< of anybody, or answers that are remembered
  std::optional<Hash> keys_history, records_history;  ///< what each shelf says it belongs to; nothing: it does not say
};

/// Personal data in custody: a locker per subject, a data key per subject, wrapped by a root key and kept on another
/// shelf than the records. Every value is sealed with AES-256-GCM, bound to its subject, collection, place and
/// version, so that nothing can be moved or mixed unnoticed (corrupt "vault.sealed.damaged", naming the place).
/// One process owns a store's vault at a time. Thread-safe.
class Vault {
 public:
  /// Makes the vault's own key at the first start. `store`, `roots` and `clock` must outlive it.
  /// Errors: corrupt "vault.root_key.missing", "vault.keys.missing" (records without their keys: half of
  /// a backup was restored), and those of the store.
  static Result<std::unique_ptr<Vault>> create(storage::Store& store, RootKeys& roots, const Clock& clock);
  ~Vault();

  /// Looks without opening, so without making anything.
  static Result<Holdings> holdings(const storage::Store& store);
  /// Has both shelves say that they belong to the history of evidence that begins with `first`; on disk on return. So
  /// that one of the three that is lost is missed at the next start, also when nobody's data is held.
  Result<void> bind_history(const Hash& first);

  /// A key for another room's purpose, stable for the life of this vault, root-key rotations included.
  Key256 derive_secret(std::string_view purpose) const;

  // ---- subjects
  /// Errors: not_found "vault.subject.unknown"; those of check_subject_id.
  Result<Subject> open(std::string_view subject_id) const;
  /// Makes a data key (on disk on return) if there is none. After an erasure that is a new one, with a new pseudonym.
  /// Errors: as open; unavailable "vault.subject.erasing" while what is left of an erasure still goes.
  Result<Subject> open_or_create(std::string_view subject_id);
  /// The same for many at one sync; one result per id, in order. An id that occurs twice is opened twice.
  std::vector<Result<Subject>> open_or_create(std::span<const std::string_view> subject_ids);
  /// Where a subject's records lie, whether there are any or not.
  LockerId locker_of(std::string_view subject_id) const;
  /// Lockers that hold records, in the order of their ids, after `after` (nothing: from the start), at most `count`;
  /// none: there are no more.
  Result<std::vector<LockerId>> list(std::optional<LockerId> after, std::size_t count) const;
  /// The subject of one of them. not_found "vault.subject.unknown".
  Result<Subject> open_locker(const LockerId& locker) const;

  // ---- reading; a visitor must not call the vault. Also for drafts: conflict "vault.subject.erased" when the subject
  // was erased since it was opened, and came back.
  /// What is past its keep is given no more, whether a sweep has removed it or not. not_found "vault.record.unknown".
  Result<StoredRecord> read(const Subject&, const Retention&) const;
  /// Rows of an append-only collection that are within their keep, oldest first; none is no error.
  Result<void> read_rows(const Subject&, const Retention&, const RowVisitor& visit) const;
  /// Everything held on the subject, also what the next sweep will remove: single records first, then the rows, by
  /// collection.
  Result<void> read_all(const Subject&, const std::function<bool(CollectionId, const StoredRecord&)>& visit_record,
                        const std::function<bool(CollectionId, const StoredRow&)>& visit_row) const;

  // ---- writing: begin, then any of put, append and remember, then commit
  Result<Draft> begin(Subject subject) const;
  /// Errors: conflict "vault.record.version" (not what was expected); as encode_record. The draft is then as before.
  Result<PutOutcome> put(Draft&, const Retention&, const Record&, Expect = Expect::anything()) const;
  /// The same of a record encoded already; also corrupt "vault.record.malformed".
  Result<PutOutcome> put_encoded(Draft&, const Retention&, ByteView record, Expect = Expect::anything()) const;
  /// Appends those rows whose key is not there yet, or only past its keep; one outcome per row, in order. Fast when
  /// keys ascend (by length, then bytes), as numbers and timestamps do; otherwise all of the subject's rows are
  /// searched, once per call. Errors: invalid "vault.row.key", and as encode_record, naming the row; the draft is then
  /// as before.
  Result<std::vector<AppendOutcome>> append(Draft&, const Retention&, std::span<const Row>) const;
  /// corrupt "vault.record.malformed" too.
  Result<std::vector<AppendOutcome>> append_encoded(Draft&, const Retention&, std::span<const EncodedRow>) const;
  /// Writes the draft's lockers, each whole or not at all, at one sync; one result per draft, in order. Empty drafts
  /// are done at once. Errors: conflict "vault.draft.stale" (the locker changed since begin, also by another draft of
  /// this call: begin again), unavailable "vault.subject.erasing", and those of the store.
  std::vector<Result<void>> commit(std::vector<Draft> drafts);
  Result<void> commit(Draft draft);

  // ---- idempotency keys; `key` should name the caller too, so that two never share one
  Result<std::optional<Remembered>> recall(const Subject&, std::string_view key) const;
  /// Goes to disk together with the draft's other changes.
  Result<void> remember(Draft&, std::string_view key, const Remembered&) const;
  /// Was what this request deposited erased since, within the time that it would be remembered? Of an erased subject's
  /// requests only a keyed hash is kept, in which neither the subject nor the key can be found.
  Result<bool> answer_erased(std::string_view subject_id, std::string_view key) const;
  /// For requests that touch many subjects. `begin_batch` answers what erasures() was when this key first came.
  Result<std::uint64_t> begin_batch(std::string_view key);
  Result<std::optional<Remembered>> recall_batch(std::string_view key) const;
  Result<void> remember_batch(std::string_view key, const Remembered&);

  // ---- retention
  /// Looks at up to `lockers` lockers after `after`, and drafts the removal of all that is older than its keep, and
  /// of expired idempotency keys. A draft that turns out stale at commit is caught by the next sweep.
  Result<Sweep> prepare_sweep(std::span<const Retention> rules, std::optional<LockerId> after,
                              std::size_t lockers) const;

  // ---- erasure
  /// Durable: from now on it will be finished, also after a crash. Nothing is gone yet, but nothing can be written.
  /// Errors: not_found "vault.subject.unknown" when it was erased since it was opened.
  Result<Erasure> begin_erasure(const Subject& subject);
  /// All who have a key, until `visit` answers false. One whose key cannot be read is passed over. Takes 10 µs or so
  /// each.
  Result<void> visit_keys(const std::function<bool(const Erasure& would_be)>& visit) const;
  /// Begun and not finished, from before a restart too.
  Result<std::vector<Erasure>> unfinished_erasures() const;
  /// Shreds the keys, then removes the records, then forgets the erasure. On return nobody can read those subjects
  /// any more, from no file. Takes as long as the engine needs to rewrite its files, however many are finished at
  /// once. May be repeated after a failure. Call it off the serving threads.
  Result<void> finish_erasures(std::span<const Erasure> erasures);

  /// For an erasure of somebody who is not there: as far as last_erasure() knows they were erased now, so that a batch
  /// that has rows of theirs on their way does not bring them. Who came meanwhile is found by opening once more.
  Result<void> note_erasure(const LockerId& locker);

  /// Grows with each finish_erasures and note_erasure, over restarts too.
  std::uint64_t erasures() const;
  /// What erasures() was right after the last erasure of whoever had this locker; nothing when there was none, or one
  /// that is longer ago than an idempotency key is remembered.
  Result<std::optional<std::uint64_t>> last_erasure(const LockerId& locker) const;

  // ---- rotation
  /// Makes a new root key (unless an earlier rotation was interrupted: then that one goes on), wraps every data key
  /// anew, and drops the old root key when nothing is left under it. Records are not touched; readers and writers go
  /// on. One at a time; others wait. Backups made before need the old root key: keep the key file with them.
  Result<Rotation> rotate_root_key();

 private:
  struct Impl;
  explicit Vault(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::vault
