#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "storage/store.h"

/// What every engine must decide alike: the bounds of the port, how a locker's version moves, who holds a lease.
/// Pure functions; an engine keeps the states and makes each step atomic and durable.
namespace holdfast::storage {

/// invalid ("storage.item.key", "storage.item.size") when a key is empty or over kItemKeyBytesMax, or a value is
/// over kItemBytesMax.
Result<void> check_bounds(const LockerChange& change);
/// invalid ("storage.name.malformed") unless [a-zA-Z0-9/._-]+ of at most 200 bytes. Blobs, journals, leases.
Result<void> check_name(std::string_view name);
/// check_name, and invalid ("storage.blob.size") over kBlobBytesMax.
Result<void> check_bounds(const Blob& blob);

/// A locker's count of changes outlives its removal, so that a version is never given twice.
struct LockerState {
  Version changes = 0;
  bool exists = false;

  /// What the port calls its version.
  Version version() const { return exists ? changes : 0; }
};

/// The state that `change` leads to; conflict ("storage.version.conflict") unless it expects the present version.
/// A change that only deletes does not bring a locker into being, and leaves an absent one as it was.
Result<LockerState> after_change(LockerState state, const LockerChange& change);
/// Removing counts as a change.
LockerState after_removal(LockerState state);

/// The newest grant of a lease. `owner` is empty when it was given back.
struct LeaseState {
  std::string owner;
  std::uint64_t token = 0;
  UnixMillis expires = 0;
};

/// conflict ("storage.lease.held") while another owner's time has not run out; the same owner may take it anew.
Result<LeaseState> after_acquire(const LeaseState& state, std::string_view name, std::string_view owner,
                                 std::chrono::milliseconds ttl, UnixMillis now);
/// conflict ("storage.lease.lost") unless `token` is the newest and was not given back. Time alone loses nothing:
/// a lease that ran out is lost once another takes it.
Result<void> check_lease(const LeaseState& state, std::string_view name, std::uint64_t token);

/// conflict ("storage.journal.position").
tl::unexpected<Error> journal_conflict(std::string_view journal, std::uint64_t position, std::uint64_t end);
/// invalid ("storage.journal.batch") when an append holds no entry, is over kBlobBytesMax, or would overflow.
Result<void> check_batch(std::string_view journal, std::uint64_t position, std::uint32_t count, ByteView packed);
/// conflict ("storage.blob.conflict").
tl::unexpected<Error> blob_conflict(std::string_view name);

}  // namespace holdfast::storage
