#include "storage/rocksdb/log.h"

namespace holdfast::storage {
namespace {

constexpr std::size_t kLeases = 1;

Bytes encode(const LeaseState& state) {
  Bytes out;
  put_u64(out, state.token);
  put_u64(out, static_cast<std::uint64_t>(state.expires));
  put_sized(out, state.owner);
  return out;
}

Result<LeaseState> decode(ByteView stored, const std::string& path) {
  ByteReader in(stored);
  LeaseState state;
  state.token = in.u64();
  state.expires = static_cast<UnixMillis>(in.u64());
  state.owner = in.sized();
  if (!in.done()) return fail(Code::corrupt, "storage.corrupt", path, "a lease is malformed; restore a backup");
  return state;
}

}  // namespace

Result<LeaseState> RocksLog::lease(std::string_view name, Named& named) const {
  if (named.lease) return *named.lease;
  HF_TRY(const std::optional<Bytes> stored, instance_.get(kLeases, name));
  LeaseState state;
  if (stored) {
    HF_TRY(state, decode(*stored, instance_.path()));
  }
  return *(named.lease = state);
}

Result<void> RocksLog::put_lease(std::string_view name, Named& named, const LeaseState& state) {
  named.lease.reset();
  rocksdb::WriteBatch batch;
  batch.Put(instance_.family(kLeases), slice(name), encode(state));
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
  const std::unique_ptr<rocksdb::Iterator> it(
      instance_.db().NewIterator(rocksdb::ReadOptions(), instance_.family(kLeases)));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    HF_TRY(LeaseState state, decode(view(it->value()), instance_.path()));
    if (state.owner.empty()) continue;
    state.owner.clear();
    batch.Put(instance_.family(kLeases), it->key(), encode(state));
  }
  if (!it->status().ok()) return tl::unexpected<Error>(instance_.error(it->status()));
  return batch.Count() == 0 ? Result<void>() : instance_.write(batch);
}

}  // namespace holdfast::storage
