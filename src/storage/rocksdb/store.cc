#include "storage/rocksdb/store.h"

#include <atomic>
#include <filesystem>

#include "storage/rocksdb/backup.h"
#include "storage/rocksdb/history.h"
#include "storage/rocksdb/lockers.h"
#include "storage/rocksdb/log.h"
#include "storage/rocksdb/parts.h"

namespace holdfast::storage {
namespace {

std::uint64_t bytes_beneath(const std::string& directory) {
  std::uint64_t sum = 0;
  std::error_code failed;
  for (auto it = std::filesystem::recursive_directory_iterator(directory, failed);
       !failed && it != std::filesystem::recursive_directory_iterator(); it.increment(failed)) {
    std::error_code vanished;
    const auto size = it->is_regular_file(vanished) ? it->file_size(vanished) : 0;
    if (!vanished) sum += size;
  }
  return sum;
}

class RocksStore final : public Store {
 public:
  RocksStore(RocksParts parts, const RocksOptions& options)
      : parts_(std::move(parts)),
        record_lockers_(*parts_.records),
        key_lockers_(*parts_.keys),
        log_shelf_(*parts_.log, options.clock ? *options.clock : system_clock_, std::move(parts_.journals),
                   parts_.journal_options, [this] { return parts_.marks(); }),
        begun_(options.read_only) {}

  /// Before the store is handed out.
  Result<void> start() { return log_shelf_.end_leases(); }

  Result<std::optional<Bytes>> get(Shelf shelf, const LockerId& id, ByteView key) const override {
    return lockers(shelf).get(id, key);
  }

  Result<Version> version(Shelf shelf, const LockerId& id) const override {
    HF_TRY(const LockerState state, lockers(shelf).state(id));
    return state.version();
  }

  std::vector<Result<Version>> apply(std::span<const LockerChange> changes) override {
    if (const auto begun = begin(); !begun) {
      return std::vector<Result<Version>>(changes.size(), tl::unexpected<Error>(begun.error()));
    }
    std::vector<Result<Version>> results(changes.size(), Version{0});
    std::vector<std::size_t> keys, records;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      (changes[i].shelf == Shelf::keys ? keys : records).push_back(i);
    }
    // Keys first: a crash between the two leaves a key without records rather than records without their key.
    if (!keys.empty()) key_lockers_.apply(changes, keys, results);
    if (!records.empty()) record_lockers_.apply(changes, records, results);
    return results;
  }

  Result<void> scan(Shelf shelf, const LockerId& id, ByteView prefix, ByteView from,
                    const std::function<bool(ByteView, ByteView)>& visit) const override {
    return lockers(shelf).scan(id, prefix, from, visit);
  }

  Result<void> remove(Shelf shelf, const LockerId& id) override {
    HF_CHECK(begin());
    return lockers(shelf).remove({&id, 1});
  }

  Result<void> shred(Shelf shelf, std::span<const LockerId> ids) override {
    HF_CHECK(begin());
    const std::lock_guard lock(upkeep_);  // a backup keeps obsolete files while it links them
    return lockers(shelf).shred(ids);
  }

  Result<std::vector<LockerId>> list(Shelf shelf, std::optional<LockerId> after, std::size_t count) const override {
    return lockers(shelf).list(after, count);
  }

  Result<void> put_blobs(std::span<const Blob> blobs) override {
    HF_CHECK(begin());
    return log_shelf_.put_blobs(blobs);
  }
  Result<std::optional<Bytes>> get_blob(std::string_view name) const override { return log_shelf_.get_blob(name); }
  Result<std::vector<std::string>> list_blobs(std::string_view prefix, std::string_view after,
                                              std::size_t count) const override {
    return log_shelf_.list_blobs(prefix, after, count);
  }
  Result<void> delete_blobs(std::span<const std::string> names) override {
    HF_CHECK(begin());
    return log_shelf_.delete_blobs(names);
  }

  Result<void> append(std::string_view journal, std::uint64_t position, std::uint32_t count, ByteView packed,
                      std::uint64_t lease) override {
    HF_CHECK(begin());
    return log_shelf_.append(journal, position, count, packed, lease);
  }
  Result<void> read(std::string_view journal, std::uint64_t from,
                    const std::function<bool(std::uint64_t, std::uint32_t, ByteView)>& visit) const override {
    return log_shelf_.read(journal, from, visit);
  }
  Result<std::uint64_t> end(std::string_view journal) const override { return log_shelf_.end(journal); }
  Result<void> trim(std::string_view journal, std::uint64_t position) override {
    return log_shelf_.trim(journal, position);
  }

  Result<std::uint64_t> acquire(std::string_view name, std::string_view owner, std::chrono::milliseconds ttl) override {
    return log_shelf_.acquire(name, owner, ttl);
  }
  Result<void> renew(std::string_view name, std::uint64_t token, std::chrono::milliseconds ttl) override {
    return log_shelf_.renew(name, token, ttl);
  }
  Result<void> release(std::string_view name, std::uint64_t token) override { return log_shelf_.release(name, token); }

  Result<void> prepare_backup(const std::string& directory, const std::string& keys_directory) override {
    return prepare_backup_places(*parts_.records, directory, keys_directory);
  }
  Result<void> backup(const std::string& directory, const std::string& keys_directory) override {
    const std::lock_guard lock(upkeep_);
    return backup_parts(*parts_.records, *parts_.keys, log_shelf_, directory, keys_directory);
  }

  Result<void> health() const override {
    HF_CHECK(parts_.records->health());
    HF_CHECK(parts_.keys->health());
    return log_shelf_.health();
  }

  std::vector<std::pair<std::string, std::uint64_t>> statistics() const override {
    std::uint64_t disk = 0, memtables = 0, pending = 0;
    for (const RocksInstance* instance : {parts_.records.get(), parts_.keys.get(), parts_.log.get()}) {
      disk += bytes_beneath(instance->path());
      memtables += instance->property("rocksdb.size-all-mem-tables");
      pending += instance->property("rocksdb.estimate-pending-compaction-bytes");
    }
    std::error_code unknown;
    const auto space = std::filesystem::space(parts_.records->path(), unknown);
    return {{"bytes_on_disk", disk},
            {"bytes_free", unknown ? 0 : space.available},
            {"records_bytes_on_disk", bytes_beneath(parts_.records->path())},
            {"keys_bytes_on_disk", bytes_beneath(parts_.keys->path())},
            {"log_bytes_on_disk", bytes_beneath(parts_.log->path())},
            {"memtable_bytes", memtables},
            {"cache_bytes", parts_.shared.cache->GetUsage()},
            {"compaction_pending_bytes", pending}};
  }

 private:
  const RocksLockers& lockers(Shelf shelf) const { return shelf == Shelf::keys ? key_lockers_ : record_lockers_; }
  RocksLockers& lockers(Shelf shelf) { return shelf == Shelf::keys ? key_lockers_ : record_lockers_; }

  /// For before the first change, leases apart: a start that changes nothing leaves the parts as old as they were.
  Result<void> begin() {
    if (begun_) return {};
    const std::lock_guard lock(begin_);
    if (begun_) return {};
    const std::string parts[] = {parts_.records->path(), parts_.keys->path(), parts_.log->path()};
    HF_CHECK(begin_together(parts));
    begun_ = true;
    return {};
  }

  SystemClock system_clock_;
  RocksParts parts_;
  RocksLockers record_lockers_, key_lockers_;
  RocksLog log_shelf_;
  std::mutex upkeep_, begin_;
  std::atomic<bool> begun_;
};

/// As one who only looks would open it. What keeps one from looking, the opening itself will say.
Result<void> look_at(const std::string& directory, RocksOptions options) {
  options.read_only = true;
  const auto parts = open_parts(directory, options);
  if (parts) return parts->require_marks();
  const bool tells = parts.error().slug != "storage.none" && parts.error().code != Code::unavailable;
  return tells ? tl::unexpected<Error>(parts.error()) : Result<void>();
}

}  // namespace

Result<std::unique_ptr<Store>> open_rocksdb(const std::string& directory, RocksOptions options) {
  // A start that is refused changes nothing, so that a file or part which is put back afterwards belongs to the others.
  if (!options.read_only && !options.drop_damaged_tail) HF_CHECK(look_at(directory, options));
  HF_TRY(RocksParts parts, open_parts(directory, options));
  if (!options.drop_damaged_tail) {
    HF_CHECK(parts.require_marks());
  } else if (!options.read_only) {
    HF_CHECK(parts.take_marks());
  }
  auto store = std::make_unique<RocksStore>(std::move(parts), options);
  if (!options.read_only) HF_CHECK(store->start());
  return store;
}

Result<void> verify_rocksdb(const std::string& directory, RocksOptions options) {
  HF_TRY(const RocksParts parts, open_parts(directory, options));
  if (!options.drop_damaged_tail) HF_CHECK(parts.require_marks());
  return parts.verify();
}

}  // namespace holdfast::storage
