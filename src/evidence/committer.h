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

  /// As Log::append. All or nothing of a chain is queued.
  void append(Append* chain, Returns& back);
  /// The same as destroying it; answers whether every entry that was staged is durable.
  bool finish();
  std::uint64_t snapshot_size() const { return snapshot_size_; }  ///< after finish()

 private:
  /// Entries in the order in which they came, linked by Append::next.
  struct Queue {
    Append* first = nullptr;
    Append* last = nullptr;
    void push(Append* begin, Append* end) { (first ? last->next : first) = begin, last = end; }
  };

  std::optional<Error> enqueue(Append* chain, Append* last, std::size_t count);
  void run();
  void renew_when_due();
  Append* commit(Append* first);
  Result<Appended> stage(Entry& entry, UnixMillis now);
  void flush();
  void fail_for_good(const Error& cause);
  void give_back(Append* first);
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
  Queue queue_;
  std::size_t waiting_entries_ = 0;  ///< queued or being committed
  bool stopping_ = false;
  std::optional<Error> failed_;  ///< closed for good, and why

  // The thread's own.
  UnixMillis last_at_;
  std::uint64_t snapshot_size_;
  std::uint64_t next_;  ///< index of the next entry staged
  Bytes packed_;        ///< staged, not durable
  std::vector<Hash> leaves_;
  std::vector<std::pair<Returns*, Queue>> going_back_;  ///< one for each who waits for the batch
  std::chrono::steady_clock::time_point renew_at_;
  std::thread thread_;
};

}  // namespace holdfast::evidence
