#pragma once

#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "storage/rocksdb/instance.h"
#include "storage/rules.h"

namespace holdfast::storage {

/// The lockers of one shelf, in an instance of their own. Family 0: locker id || item key -> value; family 1: locker
/// id -> its state. A locker's compare-and-set runs under the mutex of its stripe. Thread-safe.
class RocksLockers {
 public:
  explicit RocksLockers(RocksInstance& instance) : instance_(instance), stripes_(kStripes) {}

  Result<std::optional<Bytes>> get(const LockerId& id, ByteView key) const;
  Result<LockerState> state(const LockerId& id) const;  ///< does not wait for a write to this locker
  /// The changes at `which`, under one sync; their results go to the same places.
  void apply(std::span<const LockerChange> changes, std::span<const std::size_t> which,
             std::vector<Result<Version>>& results);
  Result<void> scan(const LockerId& id, ByteView prefix, ByteView from,
                    const std::function<bool(ByteView, ByteView)>& visit) const;
  /// Removes under one sync. What they held is added to `removed`, unless that is null.
  Result<void> remove(std::span<const LockerId> ids, std::vector<Bytes>* removed = nullptr);
  /// One at a time.
  Result<void> shred(std::span<const LockerId> ids);
  Result<std::vector<LockerId>> list(std::optional<LockerId> after, std::size_t count) const;

 private:
  static constexpr std::size_t kStripes = 16384;  // so many that batches of a hundred seldom wait for each other
  using Locks = std::vector<std::unique_lock<std::mutex>>;

  /// What guards the lockers of a stripe while they change, and the state of the one seen last: it is asked for before
  /// a change and again when that is applied.
  struct Stripe {
    std::mutex mutex;
    std::optional<std::pair<LockerId, LockerState>> last;
  };

  std::size_t stripe(const LockerId& id) const;
  /// With the locker's stripe locked.
  Result<LockerState> locked_state(const LockerId& id) const;
  Result<LockerState> stored_state(const LockerId& id) const;
  Locks lock(std::vector<std::size_t> stripes);
  Result<void> compact(std::span<const LockerId> ids);

  RocksInstance& instance_;
  mutable std::vector<Stripe> stripes_;
  /// What a shred removed, and no search has found to be gone yet: the next one has to.
  struct {
    std::vector<LockerId> ids;
    std::vector<Bytes> values;
  } unproven_;
};

}  // namespace holdfast::storage
