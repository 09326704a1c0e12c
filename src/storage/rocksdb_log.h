#pragma once

// The embedded engine's inside; only rocksdb_*.cc include this.

#include <array>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "storage/rocksdb_instance.h"
#include "storage/rules.h"

namespace holdfast::storage {

/// Blobs, journals and leases, in an instance of their own. A journal and the lease of its name share a mutex, which
/// makes the check of the token and the append one step. Thread-safe; borrows both.
class RocksLog {
 public:
  RocksLog(RocksInstance& instance, const Clock& clock) : instance_(instance), clock_(clock) {}

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
  /// At open: whoever held a lease had the directory open, and that process is gone. Tokens stay used.
  Result<void> end_leases();

 private:
  /// Where a journal's batches begin (what lies before is trimmed) and where it ends.
  struct Head {
    std::uint64_t begin = 0, end = 0;
  };
  /// What is known of a journal that is appended to, so that nothing need be read for that. Under its mutex.
  struct Journal {
    Head head;
    LeaseState lease;
    std::deque<std::uint64_t> starts;  ///< of its batches, from head.begin on
  };
  /// What trim() asked for: the starts of the batches to delete, which are no longer the journal's.
  std::vector<std::uint64_t> apply_trim(std::string_view name, Journal& journal);
  /// Reads what is not known yet; forgotten after a write that failed.
  Result<Journal*> journal(std::string_view name);
  /// After a write that changes a journal or its lease: forgets it, unless that went through.
  Result<void> known_after(Result<void> written, std::string_view journal);
  Result<Head> head(std::string_view journal) const;
  Result<LeaseState> lease(std::string_view name) const;
  Result<void> put_lease(std::string_view name, const LeaseState& state);
  /// Names whose mutex is one.
  struct Named {
    std::mutex mutex;
    std::map<std::string, Journal, std::less<>> journals;
  };
  Named& named(std::string_view name) { return named_[std::hash<std::string_view>{}(name) % named_.size()]; }
  std::mutex& mutex(std::string_view name) { return named(name).mutex; }

  RocksInstance& instance_;
  const Clock& clock_;
  std::mutex blobs_;
  std::array<Named, 16> named_;
  std::mutex trims_mutex_;
  std::map<std::string, std::uint64_t, std::less<>> trims_;  ///< how far each journal may be trimmed
};

}  // namespace holdfast::storage
