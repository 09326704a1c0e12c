#include "storage/rocksdb/lockers.h"

#include <algorithm>
#include <map>

namespace holdfast::storage {
namespace {

constexpr std::size_t kItems = 0;
constexpr std::size_t kStates = 1;
constexpr std::size_t kBatchBytesMax = 32u << 20;

Bytes item_key(const LockerId& id, ByteView key) {
  Bytes whole;
  whole.reserve(LockerId::kSize + key.size());
  whole.append(id.view()).append(key);
  return whole;
}

Bytes encode(const LockerState& state) {
  Bytes out;
  put_u64(out, state.changes);
  out.push_back(state.exists ? 1 : 0);
  return out;
}

Result<LockerState> decode(ByteView stored, const std::string& path) {
  ByteReader in(stored);
  const Version changes = in.u64();
  const std::uint8_t exists = in.u8();
  if (!in.done() || exists > 1) {
    return fail(Code::corrupt, "storage.corrupt", path, "a locker's state is malformed; restore a backup");
  }
  return LockerState{changes, exists == 1};
}

}  // namespace

const std::vector<FamilySpec>& records_families() {
  static const std::vector<FamilySpec> families{{"items", FamilyKind::items}, {"states", FamilyKind::states}};
  return families;
}

const std::vector<FamilySpec>& keys_families() {
  static const std::vector<FamilySpec> families{{"items", FamilyKind::keys}, {"states", FamilyKind::states}};
  return families;
}

std::size_t RocksLockers::stripe(const LockerId& id) const { return std::hash<ByteView>{}(id.view()) % kStripes; }

RocksLockers::Locks RocksLockers::lock(std::vector<std::size_t> stripes) {
  std::sort(stripes.begin(), stripes.end());  // one order for everybody: no deadlock
  stripes.erase(std::unique(stripes.begin(), stripes.end()), stripes.end());
  Locks locks;
  locks.reserve(stripes.size());
  for (const std::size_t index : stripes) locks.emplace_back(stripes_[index].mutex);
  return locks;
}

Result<std::optional<Bytes>> RocksLockers::get(const LockerId& id, ByteView key) const {
  return instance_.get(kItems, item_key(id, key));
}

Result<LockerState> RocksLockers::state(const LockerId& id) const {
  const std::unique_lock lock(stripes_[stripe(id)].mutex, std::try_to_lock);
  return lock ? locked_state(id) : stored_state(id);
}

Result<LockerState> RocksLockers::locked_state(const LockerId& id) const {
  auto& last = stripes_[stripe(id)].last;
  if (last && last->first == id) return last->second;
  HF_TRY(const LockerState stored, stored_state(id));
  last.emplace(id, stored);
  return stored;
}

Result<LockerState> RocksLockers::stored_state(const LockerId& id) const {
  HF_TRY(const std::optional<Bytes> stored, instance_.get(kStates, id.view()));
  if (!stored) return LockerState{};
  return decode(*stored, instance_.path());
}

void RocksLockers::apply(std::span<const LockerChange> changes, std::span<const std::size_t> which,
                         std::vector<Result<Version>>& results) {
  std::vector<std::size_t> stripes;
  stripes.reserve(which.size());
  for (const std::size_t i : which) stripes.push_back(stripe(changes[i].locker));
  const Locks locks = lock(std::move(stripes));

  rocksdb::WriteBatch batch;
  std::map<LockerId, LockerState> states;  // a later change of the same locker sees the earlier one
  const auto add = [&](const LockerChange& change) -> Result<Version> {
    HF_CHECK(check_bounds(change));
    auto known = states.find(change.locker);
    if (known == states.end()) {
      HF_TRY(const LockerState stored, locked_state(change.locker));
      known = states.emplace(change.locker, stored).first;
    }
    HF_TRY(const LockerState next, after_change(known->second, change));
    if (!next.exists) return Version{0};
    known->second = next;
    for (const Bytes& key : change.deletes) batch.Delete(instance_.family(kItems), item_key(change.locker, key));
    for (const Item& item : change.puts) {
      batch.Put(instance_.family(kItems), item_key(change.locker, item.key), slice(item.value));
    }
    batch.Put(instance_.family(kStates), slice(change.locker.view()), encode(next));
    return next.version();
  };
  std::vector<std::size_t> batched;
  const auto write = [&] {
    const auto written = batch.Count() == 0 ? Result<void>() : instance_.write(batch);
    for (const std::size_t i : batched) {
      if (!results[i]) continue;
      auto& last = stripes_[stripe(changes[i].locker)].last;
      if (written) {
        last.emplace(*states.find(changes[i].locker));
      } else {
        last.reset();  // what the engine made of it is not known
        results[i] = tl::unexpected<Error>(written.error());
      }
    }
    batch.Clear();
    batched.clear();
  };
  for (const std::size_t i : which) {
    results[i] = add(changes[i]);
    batched.push_back(i);
    // Each locker is whole; a record of the engine's log is not to be larger than can be read again at a start.
    if (batch.GetDataSize() >= kBatchBytesMax) write();
  }
  write();
}

Result<void> RocksLockers::scan(const LockerId& id, ByteView prefix, ByteView from,
                                const std::function<bool(ByteView, ByteView)>& visit) const {
  const Bytes start = item_key(id, std::max(prefix, from));
  const Bytes end = after_prefix(item_key(id, prefix));
  const rocksdb::Slice end_slice(end);
  rocksdb::ReadOptions options;
  options.prefix_same_as_start = true;  // lets the filters skip files without this locker
  if (!end.empty()) options.iterate_upper_bound = &end_slice;
  const std::unique_ptr<rocksdb::Iterator> it(instance_.db().NewIterator(options, instance_.family(kItems)));
  for (it->Seek(start); it->Valid(); it->Next()) {
    if (!visit(view(it->key()).substr(LockerId::kSize), view(it->value()))) break;
  }
  if (!it->status().ok()) return tl::unexpected<Error>(instance_.error(it->status()));
  return {};
}

Result<void> RocksLockers::remove(std::span<const LockerId> ids, std::vector<Bytes>* removed) {
  std::vector<std::size_t> stripes;
  for (const LockerId& id : ids) stripes.push_back(stripe(id));
  const Locks locks = lock(std::move(stripes));

  rocksdb::WriteBatch batch;
  for (const LockerId& id : ids) {
    HF_TRY(const LockerState present, locked_state(id));
    if (!present.exists) continue;
    stripes_[stripe(id)].last.reset();
    HF_CHECK(scan(id, {}, {}, [&](ByteView key, ByteView value) {
      batch.Delete(instance_.family(kItems), item_key(id, key));
      if (removed) removed->emplace_back(value);
      return true;
    }));
    batch.Put(instance_.family(kStates), slice(id.view()), encode(after_removal(present)));
  }
  return batch.Count() == 0 ? Result<void>() : instance_.write(batch);
}

Result<std::vector<LockerId>> RocksLockers::list(std::optional<LockerId> after, std::size_t count) const {
  std::vector<LockerId> ids;
  const std::unique_ptr<rocksdb::Iterator> it(
      instance_.db().NewIterator(rocksdb::ReadOptions(), instance_.family(kStates)));
  if (after) {
    it->Seek(slice(after->view()));
    if (it->Valid() && view(it->key()) == after->view()) it->Next();
  } else {
    it->SeekToFirst();
  }
  for (; it->Valid() && ids.size() < count; it->Next()) {
    const auto id = LockerId::from(view(it->key()));
    if (!id)
      return fail(Code::corrupt, "storage.corrupt", instance_.path(), "a locker's id is malformed; restore a backup");
    HF_TRY(const LockerState state, decode(view(it->value()), instance_.path()));
    if (state.exists) ids.push_back(*id);
  }
  if (!it->status().ok()) return tl::unexpected<Error>(instance_.error(it->status()));
  return ids;
}

}  // namespace holdfast::storage
