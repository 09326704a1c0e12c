#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "evidence/log.h"
#include "evidence/sealer.h"
#include "evidence/tail.h"
#include "storage/store.h"

namespace holdfast::evidence {

/// Group commit: one thread that takes whatever waits, admits and numbers it, makes it durable with one sync, and
/// tells those who wait. What comes while it works waits for the next round; when idle, a round begins at once.
class Committer {
 public:
  struct Start {
    std::uint64_t lease = 0;          ///< fencing token
    UnixMillis last_at = 0;           ///< time of the newest entry
    std::uint64_t snapshot_size = 0;  ///< entries in the newest snapshot
  };
  Committer(storage::Store& store, const Clock& clock, Follower& follower, Tail& tail, Sealer& sealer,
            const LogOptions& options, Start start);
  /// Commits what waits, and ends the thread.
  ~Committer();

  void append(Entry entry, Log::Done done);
  void append_many(std::vector<Entry> entries, Log::DoneMany done);
  /// The same as destroying it; answers whether every entry that was staged is durable.
  bool finish();
  std::uint64_t snapshot_size() const { return snapshot_size_; }  ///< after finish()

 private:
  /// What one caller waits for: one entry, or several with one callback.
  struct Pending {
    Entry entry;
    Log::Done done;
    std::vector<Entry> entries;
    Log::DoneMany done_many;
    std::vector<Result<Appended>> results;
    std::size_t count() const { return done ? 1 : entries.size(); }
  };

  std::optional<Error> enqueue(Pending& pending);
  void run();
  void renew_when_due();
  void commit(std::span<Pending> batch);
  void stage(Pending& pending, UnixMillis now);
  Result<Appended> stage(Entry& entry, UnixMillis now);
  void flush();
  void fail_for_good(const Error& cause);
  void answer(Pending& pending);
  void snapshot_when_due();

  storage::Store& store_;
  const Clock& clock_;
  Follower& follower_;
  Tail& tail_;
  Sealer& sealer_;
  const LogOptions options_;
  const std::uint64_t lease_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Pending> queue_;
  std::size_t waiting_entries_ = 0;  ///< queued or being committed
  bool stopping_ = false;
  std::optional<Error> failed_;  ///< closed for good, and why

  // The thread's own.
  UnixMillis last_at_;
  std::uint64_t snapshot_size_;
  std::uint64_t next_;  ///< index of the next entry staged
  Bytes packed_;        ///< staged, not durable
  std::vector<Hash> leaves_;
  std::chrono::steady_clock::time_point renew_at_;
  std::thread thread_;
};

}  // namespace holdfast::evidence
