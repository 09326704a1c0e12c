#include "storage/rules.h"

#include <algorithm>
#include <limits>

namespace holdfast::storage {
namespace {

constexpr std::size_t kNameBytesMax = 200;

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '.' ||
         c == '_' || c == '-';
}

Result<void> check_key(ByteView key) {
  if (key.empty() || key.size() > kItemKeyBytesMax) {
    return fail(Code::invalid, "storage.item.key", "",
                "an item's key must have 1 to " + std::to_string(kItemKeyBytesMax) + " bytes, not " +
                    std::to_string(key.size()));
  }
  return {};
}

}  // namespace

Result<void> check_bounds(const LockerChange& change) {
  for (const Item& item : change.puts) {
    HF_CHECK(check_key(item.key));
    if (item.value.size() > kItemBytesMax) {
      return fail(Code::invalid, "storage.item.size", "",
                  "an item may have at most " + std::to_string(kItemBytesMax) + " bytes, not " +
                      std::to_string(item.value.size()) + "; split it");
    }
  }
  for (const Bytes& key : change.deletes) HF_CHECK(check_key(key));
  return {};
}

Result<void> check_name(std::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax || !std::all_of(name.begin(), name.end(), is_name_char)) {
    return fail(Code::invalid, "storage.name.malformed", "",
                "the name of a blob, journal or lease must be 1 to 200 of the characters a-z A-Z 0-9 / . _ -");
  }
  return {};
}

Result<void> check_bounds(const Blob& blob) {
  HF_CHECK(check_name(blob.name));
  if (blob.bytes.size() > kBlobBytesMax) {
    return fail(Code::invalid, "storage.blob.size", blob.name,
                "a blob may have at most " + std::to_string(kBlobBytesMax) + " bytes, not " +
                    std::to_string(blob.bytes.size()));
  }
  return {};
}

Result<LockerState> after_change(LockerState state, const LockerChange& change) {
  if (change.expected != kAnyVersion && change.expected != state.version()) {
    return fail(Code::conflict, "storage.version.conflict", "",
                "the locker is at version " + std::to_string(state.version()) + ", not at " +
                    std::to_string(change.expected) + " as the change expects; read it again and retry");
  }
  if (!state.exists && change.puts.empty()) return state;
  return LockerState{state.changes + 1, true};
}

LockerState after_removal(LockerState state) { return state.exists ? LockerState{state.changes + 1, false} : state; }

Result<LeaseState> after_acquire(const LeaseState& state, std::string_view name, std::string_view owner,
                                 std::chrono::milliseconds ttl, UnixMillis now) {
  if (owner.empty() || ttl.count() <= 0) {
    return fail(Code::invalid, "storage.lease.malformed", std::string(name),
                "a lease needs an owner and a time greater than zero");
  }
  if (!state.owner.empty() && state.owner != owner && now < state.expires) {
    const auto seconds = (state.expires - now + 999) / 1000;
    return fail(Code::conflict, "storage.lease.held", std::string(name),
                "'" + state.owner + "' holds this lease; stop it, or wait until its time runs out",
                static_cast<int>(std::min<UnixMillis>(seconds, std::numeric_limits<int>::max())));
  }
  return LeaseState{std::string(owner), state.token + 1, now + ttl.count()};
}

Result<void> check_lease(const LeaseState& state, std::string_view name, std::uint64_t token) {
  if (token == 0 || state.owner.empty() || state.token != token) {
    return fail(Code::conflict, "storage.lease.lost", std::string(name),
                "the lease was given back or taken over; acquire it again and read what the new owner wrote");
  }
  return {};
}

tl::unexpected<Error> journal_conflict(std::string_view journal, std::uint64_t position, std::uint64_t end) {
  return fail(Code::conflict, "storage.journal.position", std::string(journal),
              "the journal ends at " + std::to_string(end) + ", not at " + std::to_string(position) +
                  " as the append expects; read what another writer appended");
}

Result<void> check_batch(std::string_view journal, std::uint64_t position, std::uint32_t count, ByteView packed) {
  HF_CHECK(check_name(journal));
  if (count == 0 || packed.size() > kBlobBytesMax || position > std::numeric_limits<std::uint64_t>::max() - count) {
    return fail(Code::invalid, "storage.journal.batch", std::string(journal),
                "a batch must hold at least one entry and at most " + std::to_string(kBlobBytesMax) + " bytes");
  }
  return {};
}

tl::unexpected<Error> blob_conflict(std::string_view name) {
  return fail(Code::conflict, "storage.blob.conflict", std::string(name),
              "a blob of this name holds other bytes already, and blobs never change");
}

}  // namespace holdfast::storage
