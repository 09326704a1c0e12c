#include "storage/rocksdb/log.h"

namespace holdfast::storage {
namespace {

constexpr std::size_t kLeases = 1;

/// As it lies in the database: with where the journal of its name ends, so that what the journal lost is missed.
struct StoredLease {
  LeaseState state;
  std::uint64_t end = 0;
};

Bytes encode(const StoredLease& lease) {
  Bytes out;
  put_u64(out, lease.state.token);
  put_u64(out, static_cast<std::uint64_t>(lease.state.expires));
  put_u64(out, lease.end);
  put_sized(out, lease.state.owner);
  return out;
}

Result<StoredLease> decode(ByteView stored, const std::string& path) {
  ByteReader in(stored);
  StoredLease out;
  out.state.token = in.u64();
  out.state.expires = static_cast<UnixMillis>(in.u64());
  out.end = in.u64();
  out.state.owner = in.sized();
  if (!in.done()) return fail(Code::corrupt, "storage.corrupt", path, "a lease is malformed; restore a backup");
  return out;
}

Result<void> visit_leases(const RocksInstance& instance,
                          const std::function<Result<void>(ByteView name, const StoredLease&)>& visit) {
  const std::unique_ptr<rocksdb::Iterator> it(
      instance.db().NewIterator(rocksdb::ReadOptions(), instance.family(kLeases)));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    HF_TRY(const StoredLease lease, decode(view(it->value()), instance.path()));
    HF_CHECK(visit(view(it->key()), lease));
  }
  if (!it->status().ok()) return tl::unexpected<Error>(instance.error(it->status()));
  return {};
}

}  // namespace

Result<LeaseState> RocksLog::lease(std::string_view name, Named& named) const {
  if (named.lease) return *named.lease;
  HF_TRY(const std::optional<Bytes> stored, instance_.get(kLeases, name));
  LeaseState state;
  if (stored) {
    HF_TRY(const StoredLease known, decode(*stored, instance_.path()));
    state = known.state;
  }
  return *(named.lease = state);
}

Result<void> RocksLog::put_lease(std::string_view name, Named& named, const LeaseState& state) {
  named.lease.reset();
  rocksdb::WriteBatch batch;
  batch.Put(instance_.family(kLeases), slice(name), encode({state, named.journal->end()}));
  HF_CHECK(instance_.write(batch));
  named.lease = state;
  return {};
}

Result<std::uint64_t> RocksLog::acquire(std::string_view name, std::string_view owner, std::chrono::milliseconds ttl) {
  HF_CHECK(check_name(name));
  Named& of = named(name);
  const std::lock_guard lock(of.mutex);
  HF_TRY(const LeaseState present, lease(name, of));
  HF_TRY(const LeaseState next, after_acquire(present, name, owner, ttl, clock_.now()));
  HF_CHECK(put_lease(name, of, next));
  return next.token;
}

Result<void> RocksLog::renew(std::string_view name, std::uint64_t token, std::chrono::milliseconds ttl) {
  return change_lease(name, token, [&](LeaseState& state) { state.expires = clock_.now() + ttl.count(); });
}

Result<void> RocksLog::release(std::string_view name, std::uint64_t token) {
  return change_lease(name, token, [](LeaseState& state) { state.owner.clear(); });
}

Result<void> RocksLog::change_lease(std::string_view name, std::uint64_t token,
                                    const std::function<void(LeaseState&)>& change) {
  HF_CHECK(check_name(name));
  Named& of = named(name);
  const std::lock_guard lock(of.mutex);
  HF_TRY(LeaseState state, lease(name, of));
  HF_CHECK(check_lease(state, name, token));
  change(state);
  return put_lease(name, of, state);
}

Result<void> RocksLog::end_leases() {
  rocksdb::WriteBatch batch;
  HF_CHECK(visit_leases(instance_, [&](ByteView name, StoredLease lease) -> Result<void> {
    const std::uint64_t end = named(name).journal->end();
    if (lease.state.owner.empty() && lease.end == end) return {};
    lease.state.owner.clear();
    lease.end = end;
    batch.Put(instance_.family(kLeases), slice(name), encode(lease));
    return {};
  }));
  return batch.Count() == 0 ? Result<void>() : instance_.write(batch);
}

Result<std::vector<LostEntries>> lost_entries(const RocksInstance& log, const Journal::ByName& journals) {
  std::vector<LostEntries> out;
  HF_CHECK(visit_leases(log, [&](ByteView name, const StoredLease& lease) -> Result<void> {
    const auto journal = journals.find(name);
    const std::uint64_t end = journal == journals.end() ? 0 : journal->second->end();
    if (end < lease.end) out.push_back({std::string(name), lease.end, end});
    return {};
  }));
  return out;
}

}  // namespace holdfast::storage
