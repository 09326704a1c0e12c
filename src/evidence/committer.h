#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
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

/// Group commit: a thread that takes whatever waits, admits and numbers it, makes it durable with one sync, and tells
/// those who wait. What comes while it works waits for the next round; when idle, a round begins at once. When so much
/// waits that it makes a batch of its own, a second thread syncs the one while the first stages the next.
class Committer {
 public:
  struct Start {
    std::uint64_t lease = 0;          ///< fencing token
    UnixMillis last_at = 0;           ///< time of the newest entry
    std::uint64_t snapshot_size = 0;  ///< entries in the newest snapshot
  };
  Committer(storage::Store& store, const Clock& clock, Follower& follower, Tail& tail, Sealer& sealer,
            const LogOptions& options, Start start);
  /// Commits what waits, and ends the threads.
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

  static constexpr std::size_t kBehindMax = 2;  ///< batches with the second thread

  /// What one sync makes durable.
  struct Batch {
    Queue entries;             ///< admitted or refused, each with its result
    Bytes packed;              ///< those admitted, as in a bundle
    std::vector<Hash> leaves;  ///< their hashes
    std::vector<Hash> roots;   ///< of the full tiles that these end
    std::size_t count = 0;     ///< of `entries`
  };

  std::optional<Error> enqueue(Append* chain, Append* last, std::size_t count);
  void run();
  void renew_when_due();
  void stage(Queue& taken, Batch& batch);
  Result<Appended> stage(Entry& entry, UnixMillis now, Batch& batch);
  bool snapshot_due() const { return next_ - snapshot_size_ >= options_.snapshot_every_entries; }
  void snapshot_when_due();

  void run_behind();
  void write(const Batch& batch);
  void give_back(Append* first);

  void fail_for_good(const Error& cause);
  std::optional<Error> failure() const;

  storage::Store& store_;
  const Clock& clock_;
  Follower& follower_;
  Tail& tail_;
  Sealer& sealer_;
  const LogOptions options_;
  const std::uint64_t lease_;

  mutable std::mutex mutex_;
  std::condition_variable wake_, wake_behind_, caught_up_;
  Queue queue_;
  std::size_t queued_entries_ = 0;   ///< in queue_
  std::size_t waiting_entries_ = 0;  ///< queued or being committed
  std::deque<const Batch*> behind_;  ///< what the second thread writes, the first of them now
  bool stopping_ = false, stopping_behind_ = false;
  std::optional<Error> failed_;  ///< closed for good, and why

  // The first thread's own.
  std::array<Batch, kBehindMax + 1> batches_;  ///< one is staged while the others may wait to be written
  UnixMillis last_at_;
  std::uint64_t snapshot_size_;
  std::uint64_t next_;            ///< index of the next entry staged
  std::vector<Hash> unfinished_;  ///< leaf hashes since the last full tile
  std::chrono::steady_clock::time_point renew_at_;

  // Whose turn it is to write.
  std::vector<std::pair<Returns*, Queue>> going_back_;  ///< one for each who waits for the batch

  std::thread thread_, behind_thread_;
};

}  // namespace holdfast::evidence
