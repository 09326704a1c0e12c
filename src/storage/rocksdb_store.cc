#include "storage/rocksdb_store.h"

#include <filesystem>

#include "storage/rocksdb_backup.h"
#include "storage/rocksdb_files.h"
#include "storage/rocksdb_lockers.h"
#include "storage/rocksdb_log.h"

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
  RocksStore(RocksShared shared, std::unique_ptr<RocksInstance> records, std::unique_ptr<RocksInstance> keys,
             std::unique_ptr<RocksInstance> log, Journal::ByName journals, Journal::Options journal_options,
             const Clock* clock)
      : shared_(std::move(shared)),
        records_(std::move(records)),
        keys_(std::move(keys)),
        log_(std::move(log)),
        record_lockers_(*records_),
        key_lockers_(*keys_),
        log_shelf_(*log_, clock ? *clock : system_clock_, std::move(journals), journal_options) {}

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

  Result<void> remove(Shelf shelf, const LockerId& id) override { return lockers(shelf).remove({&id, 1}); }

  Result<void> shred(Shelf shelf, std::span<const LockerId> ids) override {
    const std::lock_guard lock(upkeep_);  // a backup keeps obsolete files while it links them
    return lockers(shelf).shred(ids);
  }

  Result<std::vector<LockerId>> list(Shelf shelf, std::optional<LockerId> after, std::size_t count) const override {
    return lockers(shelf).list(after, count);
  }

  Result<void> put_blobs(std::span<const Blob> blobs) override { return log_shelf_.put_blobs(blobs); }
  Result<std::optional<Bytes>> get_blob(std::string_view name) const override { return log_shelf_.get_blob(name); }
  Result<std::vector<std::string>> list_blobs(std::string_view prefix, std::string_view after,
                                              std::size_t count) const override {
    return log_shelf_.list_blobs(prefix, after, count);
  }
  Result<void> delete_blobs(std::span<const std::string> names) override { return log_shelf_.delete_blobs(names); }

  Result<void> append(std::string_view journal, std::uint64_t position, std::uint32_t count, ByteView packed,
                      std::uint64_t lease) override {
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
    return prepare_backup_places(*records_, directory, keys_directory);
  }
  Result<void> backup(const std::string& directory, const std::string& keys_directory) override {
    const std::lock_guard lock(upkeep_);
    return backup_parts(*records_, *keys_, log_shelf_, directory, keys_directory);
  }

  Result<void> health() const override {
    HF_CHECK(records_->health());
    HF_CHECK(keys_->health());
    return log_shelf_.health();
  }

  std::vector<std::pair<std::string, std::uint64_t>> statistics() const override {
    std::uint64_t disk = 0, memtables = 0, pending = 0;
    for (const RocksInstance* instance : {records_.get(), keys_.get(), log_.get()}) {
      disk += bytes_beneath(instance->path());
      memtables += instance->property("rocksdb.size-all-mem-tables");
      pending += instance->property("rocksdb.estimate-pending-compaction-bytes");
    }
    std::error_code unknown;
    const auto space = std::filesystem::space(records_->path(), unknown);
    return {{"bytes_on_disk", disk},
            {"bytes_free", unknown ? 0 : space.available},
            {"records_bytes_on_disk", bytes_beneath(records_->path())},
            {"keys_bytes_on_disk", bytes_beneath(keys_->path())},
            {"log_bytes_on_disk", bytes_beneath(log_->path())},
            {"memtable_bytes", memtables},
            {"cache_bytes", shared_.cache->GetUsage()},
            {"compaction_pending_bytes", pending}};
  }

 private:
  const RocksLockers& lockers(Shelf shelf) const { return shelf == Shelf::keys ? key_lockers_ : record_lockers_; }
  RocksLockers& lockers(Shelf shelf) { return shelf == Shelf::keys ? key_lockers_ : record_lockers_; }

  SystemClock system_clock_;
  RocksShared shared_;
  std::unique_ptr<RocksInstance> records_, keys_, log_;
  RocksLockers record_lockers_, key_lockers_;
  RocksLog log_shelf_;
  std::mutex upkeep_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_rocksdb(const std::string& directory, RocksOptions options) {
  const RocksShared shared = RocksShared::create(options);
  const std::string parts[] = {directory + "/records", directory + "/keys", directory + "/log"};
  const Journal::Options look{.read_only = true, .drop_damaged = options.drop_damaged_tail};
  const Journal::Options journal_options{.read_only = options.read_only, .drop_damaged = options.drop_damaged_tail};
  const std::string folder = journals_of(parts[2]);
  HF_CHECK(require_databases(parts));
  // What is missed or damaged is told before anything is written anew.
  for (const std::string& part : parts) HF_CHECK(RocksInstance::prepare(part, shared));
  HF_CHECK(require_together(parts));
  HF_TRY(auto journals, Journal::open_all(folder, look));
  HF_TRY(auto records, RocksInstance::open(parts[0], shared, records_families()));
  HF_TRY(auto keys, RocksInstance::open(parts[1], shared, keys_families()));
  HF_TRY(auto log, RocksInstance::open(parts[2], shared, log_families()));
  if (!options.read_only) {
    HF_TRY(journals, Journal::open_all(folder, journal_options));
    HF_CHECK(begin_together(parts));
  }
  auto store = std::make_unique<RocksStore>(shared, std::move(records), std::move(keys), std::move(log),
                                            std::move(journals), journal_options, options.clock);
  if (!options.read_only) HF_CHECK(store->start());
  return store;
}

}  // namespace holdfast::storage
