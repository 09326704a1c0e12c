#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/journal/journal.h"
#include "storage/rocksdb/instance.h"
#include "storage/rules.h"

namespace holdfast::storage {

/// Blobs and leases in an instance of their own, and journals in files beside it. A journal and the lease of its name
/// share a mutex, which makes the check of the token and the append one step. Thread-safe; borrows instance and clock.
class RocksLog {
 public:
  /// `marks` is asked before each append.
  RocksLog(RocksInstance& instance, const Clock& clock, Journal::ByName journals, Journal::Options options,
           std::function<Marks()> marks);

  Result<void> put_blobs(std::span<const Blob> blobs);
  Result<std::optional<Bytes>> get_blob(std::string_view name) const;
  Result<std::vector<std::string>> list_blobs(std::string_view prefix, std::string_view after, std::size_t count) const;
  Result<void> delete_blobs(std::span<const std::string> names);

  Result<void> append(std::string_view journal, std::uint64_t position, std::uint32_t count, ByteView packed,
                      std::uint64_t lease);
  Result<void> read(std::string_view journal, std::uint64_t from,
                    const std::function<bool(std::uint64_t, std::uint32_t, ByteView)>& visit) const;
  Result<std::uint64_t> end(std::string_view journal) const;
  Result<void> trim(std::string_view journal, std::uint64_t position);

  Result<std::uint64_t> acquire(std::string_view name, std::string_view owner, std::chrono::milliseconds ttl);
  Result<void> renew(std::string_view name, std::uint64_t token, std::chrono::milliseconds ttl);
  Result<void> release(std::string_view name, std::uint64_t token);
  Result<void> health() const;
  /// How many appends there were, for one who asks whether requests wait for the disk.
  std::uint64_t appends() const { return appends_; }
  /// As RocksInstance::checkpoint, with the journals. Answers for the copy's list how far each reaches.
  Result<FileList> checkpoint(const std::string& path);
  /// At open: whoever held a lease had the directory open, and that process is gone. Tokens stay used.
  Result<void> end_leases();

 private:
  /// A journal and the lease of its name.
  struct Named {
    std::mutex mutex;
    std::unique_ptr<Journal> journal;
    std::optional<LeaseState> lease;  ///< as last read or written; nothing after a write that failed
  };
  /// Made when it is first asked for; stays.
  Named& named(std::string_view name) const;
  std::vector<std::pair<std::string_view, Named*>> all() const;
  /// What is known or stored; under its mutex.
  Result<LeaseState> lease(std::string_view name, Named& named) const;
  Result<void> put_lease(std::string_view name, Named& named, const LeaseState& state);
  Result<void> change_lease(std::string_view name, std::uint64_t token, const std::function<void(LeaseState&)>& change);

  RocksInstance& instance_;
  const Clock& clock_;
  const Journal::Options options_;
  const std::function<Marks()> marks_;
  std::atomic<std::uint64_t> appends_ = 0;
  std::mutex blobs_;
  mutable std::mutex names_mutex_;
  mutable std::map<std::string, Named, std::less<>> names_;
};

/// kJournalsFolder of an instance's folder.
std::string journals_of(const std::string& path);

/// A journal that reached further when the lease of its name was last written: acquired, renewed or given back.
struct LostEntries {
  std::string journal;
  std::uint64_t reached = 0, reaches = 0;  ///< behind the last entry, then and now
};
/// Of the log's instance and its journals. Errors: corrupt, unavailable.
Result<std::vector<LostEntries>> lost_entries(const RocksInstance& log, const Journal::ByName& journals);

/// Are the journals in `path`, a copy that RocksLog::checkpoint made, all there, as far as its list says that they
/// reached? Errors: corrupt, not_found "storage.part.missing", naming the file, unavailable.
Result<void> check_reach(const std::string& path);

}  // namespace holdfast::storage
