#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace holdfast::storage {

/// Two places that never share a file, so that a backup of records holds no key.
enum class Shelf : std::uint8_t { records, keys };

/// Counts the changes of one locker; 0: the locker does not exist.
using Version = std::uint64_t;
inline constexpr Version kAnyVersion = ~Version{0};

inline constexpr std::size_t kItemKeyBytesMax = 1024;
inline constexpr std::size_t kItemBytesMax = 8u << 20;
inline constexpr std::size_t kBlobBytesMax = 64u << 20;

struct Item {
  Bytes key, value;
};

/// A change to one locker: all of it or none. The locker comes into being with its first put, and its
/// version grows by one with every change, also when it is removed and put again.
struct LockerChange {
  Shelf shelf = Shelf::records;
  LockerId locker;
  Version expected = kAnyVersion;  ///< else: conflict unless the locker's version is this
  std::vector<Item> puts;
  std::vector<Bytes> deletes;  ///< item keys, removed before the puts; absent ones are fine
};

struct Blob {
  std::string name;  ///< [a-zA-Z0-9/._-]+, at most 200 bytes
  Bytes bytes;
};

/// Where everything lies. Made so that an embedded engine (RocksDB) and a distributed one (Ceph RADOS: a locker
/// is an object with its omap, a blob an object, a lease a fenced lock) are the same to everything above.
/// Nothing here promises an order or atomicity across lockers, blobs or journals. Thread-safe.
/// Errors: conflict (version, position, lease), corrupt (a stored checksum fails; names the place),
/// unavailable (disk full, I/O; nothing was acknowledged), invalid (a bound above).
class Store {
 public:
  virtual ~Store() = default;

  // ---- lockers
  /// One item; nothing when item or locker is absent.
  virtual Result<std::optional<Bytes>> get(Shelf, const LockerId&, ByteView key) const = 0;
  virtual Result<Version> version(Shelf, const LockerId&) const = 0;
  /// Applies every change, each atomic alone; returns once all that were applied are on disk. One result per
  /// change, its new version, in order; a conflict of one does not touch the others. One call syncs once.
  virtual std::vector<Result<Version>> apply(std::span<const LockerChange>) = 0;
  /// Items whose key starts with `prefix`, in key order, from `from` on; stops when `visit` answers false.
  virtual Result<void> scan(Shelf, const LockerId&, ByteView prefix, ByteView from,
                            const std::function<bool(ByteView key, ByteView value)>& visit) const = 0;
  /// Removes all items; on disk on return. The version remains, so that a later locker cannot be mistaken for this.
  virtual Result<void> remove(Shelf, const LockerId&) = 0;
  /// Removes the locker, and returns only when none of its values can be found in any file of the engine:
  /// memtables flushed, tables compacted, obsolete files and logs deleted, and the files searched to prove it.
  virtual Result<void> shred(Shelf, std::span<const LockerId>) = 0;
  /// Up to `count` existing lockers in id order, after `after` (nothing: from the start).
  virtual Result<std::vector<LockerId>> list(Shelf, std::optional<LockerId> after, std::size_t count) const = 0;

  // ---- blobs: immutable, put once
  /// On disk on return; one sync for all. Putting the same bytes again is fine; other bytes: conflict.
  virtual Result<void> put_blobs(std::span<const Blob>) = 0;
  virtual Result<std::optional<Bytes>> get_blob(std::string_view name) const = 0;
  /// Names that start with `prefix`, in order, after `after`, up to `count`.
  virtual Result<std::vector<std::string>> list_blobs(std::string_view prefix, std::string_view after,
                                                      std::size_t count) const = 0;
  virtual Result<void> delete_blobs(std::span<const std::string> names) = 0;

  // ---- journal: a durable tail of numbered batches
  /// Appends `count` entries, packed by the caller into `packed`, so that the first has number `position`;
  /// on disk on return. conflict unless the journal ends just there and `lease` is the newest token of the lease that
  /// has the journal's name (so one atomic step fences it): a stale owner's append never lands.
  virtual Result<void> append(std::string_view journal, std::uint64_t position, std::uint32_t count, ByteView packed,
                              std::uint64_t lease) = 0;
  /// Batches that hold entries at or after `from`, in order, whole.
  virtual Result<void> read(
      std::string_view journal, std::uint64_t from,
      const std::function<bool(std::uint64_t position, std::uint32_t count, ByteView packed)>& visit) const = 0;
  /// The number that the next entry will get.
  virtual Result<std::uint64_t> end(std::string_view journal) const = 0;
  /// Lets go of the batches that lie wholly before `position`: the next append takes them away. Never moves the end.
  virtual Result<void> trim(std::string_view journal, std::uint64_t position) = 0;

  // ---- lease: fenced single ownership
  /// Takes `name` for `owner` until `ttl` from now; conflict while another holds it. Answers a fencing token that
  /// is larger than every token before.
  virtual Result<std::uint64_t> acquire(std::string_view name, std::string_view owner,
                                        std::chrono::milliseconds ttl) = 0;
  /// conflict when `token` is no longer the newest.
  virtual Result<void> renew(std::string_view name, std::uint64_t token, std::chrono::milliseconds ttl) = 0;
  virtual Result<void> release(std::string_view name, std::uint64_t token) = 0;

  // ---- upkeep
  /// unavailable ("storage.failed") after a write that failed, until one goes through: an engine may take none before a
  /// restart, while everything is still read.
  virtual Result<void> health() const = 0;
  /// Would backup() take these two? Makes them where they are not there. Errors: as backup's of its places.
  virtual Result<void> prepare_backup(const std::string& directory, const std::string& keys_directory) = 0;
  /// A consistent copy while running: all but keys into `directory`/records, keys into `keys_directory`, both
  /// created and empty before. Every change acknowledged before the call is in it; records no older than keys.
  virtual Result<void> backup(const std::string& directory, const std::string& keys_directory) = 0;
  /// What the operator of the machine wants to see: name and value ("bytes_on_disk", "memtable_bytes" …).
  virtual std::vector<std::pair<std::string, std::uint64_t>> statistics() const = 0;
};

}  // namespace holdfast::storage
