#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "vault/vault.h"

namespace holdfast::trustee {

class CommitReturns;

/// A draft on its way to the disk, and then what became of it. Whoever appends it keeps it where it is, and leaves it
/// alone, until it comes back.
struct Commit {
  std::optional<vault::Draft> draft;
  Result<void> result;
  Commit* next = nullptr;         ///< the next in a chain, there and back
  CommitReturns* back = nullptr;  ///< the queue's own note of where it goes back to
};

/// Where drafts come back to: those of one sync in one call, from the queue's thread.
class CommitReturns {
 public:
  virtual ~CommitReturns() = default;
  /// A chain, each with its result. The next sync waits for it.
  virtual void take_back(Commit* chain) = 0;
};

/// Commits drafts of many callers together: what arrives while one sync is under way shares the next. Thread-safe.
class CommitQueue {
 public:
  explicit CommitQueue(vault::Vault& vault);
  /// Commits what waits.
  ~CommitQueue();

  /// They come back once they are on disk, or could not be.
  void append(Commit* chain, CommitReturns& back);

 private:
  void run();
  void commit(Commit* chain);

  vault::Vault& vault_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  Commit *first_ = nullptr, *last_ = nullptr;
  std::thread thread_;
};

}  // namespace holdfast::trustee
