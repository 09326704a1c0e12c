#include <rocksdb/options.h>

#include <chrono>
#include <thread>

#include "storage/rocksdb/file_search.h"
#include "storage/rocksdb/lockers.h"

namespace holdfast::storage {
namespace {

constexpr int kAttempts = 8;
constexpr std::size_t kRangesMax = 8;

}  // namespace

Result<void> RocksLockers::shred(std::span<const LockerId> ids) {
  // Also for lockers that are gone already: a shred that a crash cut short is finished by the next one.
  unproven_.ids.insert(unproven_.ids.end(), ids.begin(), ids.end());
  HF_CHECK(remove(ids, &unproven_.values));
  const FileSearch search(unproven_.values);
  std::optional<std::string> left;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    // A reader may still hold an obsolete file.
    if (attempt > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10 << attempt));
    HF_CHECK(instance_.flush());
    HF_CHECK(compact(unproven_.ids));
    HF_CHECK(instance_.purge());
    HF_TRY(left, search.first_hit(instance_.path()));
    if (!left) {
      unproven_ = {};
      return {};
    }
  }
  return fail(Code::unavailable, "storage.shred.left", *left,
              "removed values are still in this file; a reader or a backup may hold it, so try again", 5);
}

Result<void> RocksLockers::compact(std::span<const LockerId> ids) {
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  options.allow_write_stall = true;
  const auto run = [&](const rocksdb::Slice* first, const rocksdb::Slice* last) -> Result<void> {
    const rocksdb::Status status = instance_.db().CompactRange(options, instance_.family(0), first, last);
    if (!status.ok()) return tl::unexpected<Error>(instance_.error(status));
    return {};
  };
  if (ids.size() > kRangesMax) return run(nullptr, nullptr);
  for (const LockerId& id : ids) {
    const Bytes end = after_prefix(Bytes(id.view()));
    const rocksdb::Slice first = slice(id.view()), last(end);
    HF_CHECK(run(&first, end.empty() ? nullptr : &last));
  }
  return {};
}

}  // namespace holdfast::storage
