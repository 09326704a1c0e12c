#include "storage/rocksdb/instance.h"

#include <fcntl.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/memtablerep.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <unistd.h>

#include <boost/endian/conversion.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "base/priority.h"
#include "storage/disk.h"
#include "storage/rocksdb/files.h"
#include "storage/rocksdb/format.h"
#include "storage/rocksdb/look.h"
#include "storage/rocksdb/tables.h"
#include "storage/rocksdb/wal.h"
#include "storage/rocksdb/wal_end.h"

namespace holdfast::storage {
namespace {

constexpr std::size_t kMemtableBuckets = 16'384;
constexpr int kReasonsMax = 133;  // of Linux's errno

std::size_t memtable_bytes(FamilyKind kind) {
  if (kind == FamilyKind::states) return 1u << 20;  // stays in the processor's caches
  return kind == FamilyKind::keys ? 4u << 20 : 16u << 20;
}

rocksdb::ColumnFamilyOptions family_options(FamilyKind kind, const RocksShared& shared) {
  const bool by_locker = kind == FamilyKind::items || kind == FamilyKind::keys;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = shared.cache;
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
  table.format_version = 5;
  if (kind == FamilyKind::keys) {
    table.metadata_cache_options.top_level_index_pinning = rocksdb::PinningTier::kAll;
    table.metadata_cache_options.unpartitioned_pinning = rocksdb::PinningTier::kAll;
  }

  rocksdb::ColumnFamilyOptions options;
  options.compression = rocksdb::kNoCompression;  // ciphertext does not shrink, and shred searches files for bytes
  options.write_buffer_size = memtable_bytes(kind);
  options.target_file_size_base = kind == FamilyKind::keys ? 2u << 20 : 32u << 20;
  options.level_compaction_dynamic_level_bytes = true;
  if (by_locker) {
    options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(LockerId::kSize));
    // In one skip list of all items nearly each step is a cache miss; here each locker has a list of its own behind a
    // hash table, which is put in order when it is flushed.
    options.memtable_factory.reset(rocksdb::NewHashSkipListRepFactory(kMemtableBuckets));
  } else {
    // Hardly anything of these is read again, and each backup flushes a small table of the log: merged in larger lots.
    options.level0_file_num_compaction_trigger = 12;
  }
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

/// In place of RocksDB's file LOG: Debian's build ends the process when it writes there again after a write that
/// failed. What matters of it, the statuses of calls say.
class NoLog final : public rocksdb::Logger {
 public:
  using Logger::Logv;
  void Logv(const char*, va_list) override {}
};

/// What the engine does behind requests does not keep them waiting for milliseconds.
class ShortTurns final : public rocksdb::EventListener {
 public:
  void OnFlushBegin(rocksdb::DB*, const rocksdb::FlushJobInfo&) override { take_short_turns(); }
  void OnCompactionBegin(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override { take_short_turns(); }
};

rocksdb::DBOptions database_options(const RocksShared& shared) {
  rocksdb::DBOptions options;
  options.env = shared.read_only ? ended_logs_env(shared.drop_damaged_tail) : logs_env();
  options.create_if_missing = options.create_missing_column_families = !shared.read_only;
  options.paranoid_checks = true;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;  // it finds none (end_logs)
  options.recycle_log_file_num = 0;  // a recycled log would keep what shred removes
  options.max_total_wal_size = 32u << 20;
  options.write_buffer_manager = shared.write_buffers;
  options.max_open_files = 512;
  options.allow_concurrent_memtable_write = false;  // the memtables of lockers are not made for that
  options.max_background_jobs = 2;
  options.listeners.push_back(std::make_shared<ShortTurns>());
  options.bytes_per_sync = 1u << 20;
  options.info_log = std::make_shared<NoLog>();
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

/// Are there files past the page cache in `directory`, which has one? Not on every file system (open(2)).
bool has_direct_files(const std::string& directory) {
  std::error_code failed;
  for (std::filesystem::directory_iterator it(directory, failed), end; !failed && it != end; it.increment(failed)) {
    if (!it->is_regular_file(failed)) continue;
    const int file = ::open(it->path().c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (file >= 0) ::close(file);
    return file >= 0;
  }
  return false;
}

/// Of the log's: tables are written past the page cache, in small steps. The sync at a table's end met megabytes
/// otherwise, and requests waited behind it for their own. Records are written faster through the page cache.
void write_in_steps(rocksdb::DBOptions& options, const std::string& directory) {
  options.use_direct_io_for_flush_and_compaction = has_direct_files(directory);
  options.writable_file_max_buffer_size = 128u << 10;
}

/// The file that RocksDB's message names.
std::optional<std::string> named_file(const std::string& message, const std::string& path) {
  const auto word_at = [&](std::size_t at) {
    const std::size_t start = message.find_last_of("/ :\"'", at) + 1;  // npos + 1 is 0
    std::string word = message.substr(start, message.find_first_of(" :\"',", at) - start);
    if (word.ends_with('.')) word.pop_back();  // of the sentence
    return word;
  };
  // A table that is gone is looked for by its older name too.
  for (const char* mark : {".sst", ".ldb", ".log", "MANIFEST-", "CURRENT"}) {
    const std::size_t at = message.find(mark);
    if (at == std::string::npos) continue;
    const std::filesystem::path file = path + "/" + word_at(at);
    return file.extension() == ".ldb" ? std::filesystem::path(file).replace_extension(".sst") : file;
  }
  return std::nullopt;
}

/// Of an I/O error: what it names, if that is there, and why it failed, with which the message ends.
Error io_error(const std::string& message, const std::string& path) {
  std::error_code unknown;
  std::string file = named_file(message, path).value_or(path);
  if (!std::filesystem::exists(file, unknown)) file = path;
  for (int reason = 1; reason <= kReasonsMax; ++reason) {
    if (message.ends_with(": " + std::string(std::strerror(reason)))) return disk_error(reason, file);
  }
  return disk_error(EIO, file);
}

Error none_yet(const std::string& path) {
  return {Code::not_found, "storage.none", path, "nothing was ever written here; a start makes it"};
}

Error busy(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  return {Code::unavailable, "storage.busy", directory,
          "another holdfast process holds " + directory + "; stop it first"};
}

/// By another process, as RocksDB locks: not for one that has the file open itself, as this would end its lock.
bool is_locked(const std::string& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool held = fd >= 0 && ::fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  if (fd >= 0) ::close(fd);
  return held;
}

/// Of one that was written: it begins with the number that its first change got (rocksdb/db/write_batch.cc).
std::uint64_t last_change_of(const rocksdb::WriteBatch& batch) {
  const auto* const begin = reinterpret_cast<const unsigned char*>(batch.Data().data());
  return boost::endian::load_little_u64(begin) + batch.Count() - 1;
}

std::vector<rocksdb::ColumnFamilyDescriptor> describe(const std::vector<FamilySpec>& families,
                                                      const RocksShared& shared) {
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const FamilySpec& spec : families) {
    descriptors.emplace_back(descriptors.empty() ? rocksdb::kDefaultColumnFamilyName : spec.name,
                             family_options(spec.kind, shared));
  }
  return descriptors;
}

}  // namespace

RocksShared RocksShared::create(const RocksOptions& options) {
  return {rocksdb::NewLRUCache(options.cache_bytes),
          std::make_shared<rocksdb::WriteBufferManager>(options.write_buffer_bytes), options.drop_damaged_tail,
          options.read_only};
}

Result<void> RocksInstance::look(const std::string& path, const RocksShared& shared) {
  if (shared.read_only) {
    if (is_locked(path + "/LOCK")) return tl::unexpected<Error>(busy(path));
    std::error_code unknown;
    const bool is_made = std::filesystem::exists(path + "/CURRENT", unknown);
    if (is_made) HF_CHECK(check_format(path));
    HF_CHECK(require_files(path));
    if (!is_made) return tl::unexpected<Error>(none_yet(path));
    HF_CHECK(ends_of(path, shared.drop_damaged_tail));
    return {};
  }
  std::error_code failed;
  std::filesystem::create_directories(path, failed);
  if (!failed) std::filesystem::permissions(path, std::filesystem::perms::owner_all, failed);
  if (failed) {
    return fail(Code::unavailable, "storage.directory", path,
                "the directory cannot be created or made private (" + failed.message() +
                    "); let the server's user write there, or name another place as data: in holdfast.yaml");
  }
  HF_CHECK(check_format(path));
  // Not while another process writes them; one that begins to before the database is opened has the lock then.
  rocksdb::FileLock* lock = nullptr;
  const rocksdb::Status locked = rocksdb::Env::Default()->LockFile(path + "/LOCK", &lock);
  if (!locked.ok()) return tl::unexpected<Error>(open_error(locked, path));
  Result<void> ended = require_files(path);
  if (ended) ended = end_logs(path, shared.drop_damaged_tail);
  const rocksdb::Status unlocked = rocksdb::Env::Default()->UnlockFile(lock);
  if (ended && !unlocked.ok()) return tl::unexpected<Error>(error(unlocked, path));
  return ended;
}

Result<std::unique_ptr<RocksInstance>> RocksInstance::open(const std::string& path, const RocksShared& shared,
                                                           const std::vector<FamilySpec>& families) {
  rocksdb::DBOptions options = database_options(shared);
  if (families.front().kind == FamilyKind::blobs) write_in_steps(options, path);
  const auto descriptors = describe(families, shared);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = shared.read_only
                                     ? rocksdb::DB::OpenForReadOnly(options, path, descriptors, &handles, &db)
                                     : rocksdb::DB::Open(options, path, descriptors, &handles, &db);
  // The families come last, and before anything is written.
  if (shared.read_only && status.IsInvalidArgument()) return tl::unexpected<Error>(none_yet(path));
  if (!status.ok()) return tl::unexpected<Error>(open_error(status, path));
  return std::unique_ptr<RocksInstance>(new RocksInstance(path, db, std::move(handles)));
}

RocksInstance::~RocksInstance() {
  for (rocksdb::ColumnFamilyHandle* family : families_) db_->DestroyColumnFamilyHandle(family);
  db_->Close();  // what was acknowledged is synced already, so there is nothing left to fail
}

Result<std::optional<Bytes>> RocksInstance::get(std::size_t family, ByteView key) const {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), families_[family], slice(key), &value);
  if (status.IsNotFound()) return std::optional<Bytes>();
  if (!status.ok()) return tl::unexpected<Error>(error(status));
  return std::optional<Bytes>(Bytes(value.data(), value.size()));
}

Result<void> RocksInstance::write(rocksdb::WriteBatch& batch) {
  HF_CHECK(health());
  rocksdb::WriteOptions options;
  options.sync = true;
  rocksdb::Status status = batch.PutLogData(slice(kRecordEnd));
  if (status.ok()) status = db_->Write(options, &batch);
  if (!status.ok()) {
    failed_ = true;
    return tl::unexpected<Error>(error(status));
  }
  // Not the number of the database, which one that fails after this may have raised.
  const std::uint64_t last = last_change_of(batch);
  for (std::uint64_t known = changes_; known < last && !changes_.compare_exchange_weak(known, last);) {
  }
  return {};
}

Result<void> RocksInstance::health() const {
  if (!failed_) return {};
  return tl::unexpected<Error>(write_failed(path_));
}

Result<void> RocksInstance::flush() {
  rocksdb::FlushOptions options;
  options.allow_write_stall = true;
  const rocksdb::Status status = db_->Flush(options, families_);
  if (!status.ok()) return tl::unexpected<Error>(error(status));
  return {};
}

Result<void> RocksInstance::purge() {
  // The two count, so that a backup that forbids deletions meanwhile goes on forbidding them.
  rocksdb::Status status = db_->DisableFileDeletions();
  if (status.ok()) status = db_->EnableFileDeletions(false);
  if (!status.ok()) return tl::unexpected<Error>(error(status));
  return {};
}

Result<void> RocksInstance::verify() const {
  const rocksdb::Status status = db_->VerifyChecksum();
  if (!status.ok()) return tl::unexpected<Error>(error(status));
  return {};
}

Result<void> RocksInstance::checkpoint(const std::string& path) {
  rocksdb::Checkpoint* created = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(db_.get(), &created);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(created);
  if (status.ok()) status = checkpoint->CreateCheckpoint(path);
  if (!status.ok()) return tl::unexpected<Error>(error(status, status.IsCorruption() ? path_ : path));
  std::error_code failed;
  std::filesystem::copy_file(path_ + "/" + kFormatFile, path + "/" + kFormatFile, failed);
  if (failed) return tl::unexpected<Error>(disk_error(failed.value(), path));
  return {};
}

std::uint64_t RocksInstance::property(const char* name) const {
  std::uint64_t sum = 0;
  for (rocksdb::ColumnFamilyHandle* family : families_) {
    std::uint64_t value = 0;
    if (db_->GetIntProperty(family, name, &value)) sum += value;
  }
  return sum;
}

Error RocksInstance::open_error(const rocksdb::Status& status, const std::string& path) {
  const std::string text = status.ToString();
  const bool held = text.find("hile lock file") != text.npos || text.find("lock hold by") != text.npos;
  return held ? busy(path) : error(status, path);
}

Error RocksInstance::error(const rocksdb::Status& status, const std::string& path) {
  const std::string text = status.ToString();  // may quote stored bytes, so it is read but not shown
  if (status.IsCorruption()) {
    std::string file = named_file(text, path).value_or(path);
    // Of a table's footer it says that it is the manifest's, which was found whole before (end_logs).
    if (file.find("MANIFEST-") != file.npos) file = damaged_table(path).value_or(file);
    std::error_code unknown;
    const bool gone = file.ends_with(".sst") && !std::filesystem::exists(file, unknown) && !unknown;
    return gone ? part_missing(file) : damage(file);
  }
  if (status.IsNoSpace()) return disk_error(ENOSPC, path);
  if (status.IsIOError()) return io_error(text, path);
  return {Code::unavailable, "storage.io", path,
          "the engine does not take this now, nothing was acknowledged; try again"};
}

Bytes after_prefix(Bytes prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

}  // namespace holdfast::storage
