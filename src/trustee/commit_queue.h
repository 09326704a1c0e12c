#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "vault/vault.h"

namespace holdfast::trustee {

/// Commits drafts of many callers together: what arrives while one sync is under way shares the next. Thread-safe.
class CommitQueue {
 public:
  explicit CommitQueue(vault::Vault& vault);
  /// Commits what waits.
  ~CommitQueue();

  using Done = std::function<void(Result<void>)>;
  /// `done` is called from the queue's thread once the draft is on disk, or could not be.
  void commit(vault::Draft draft, Done done);

 private:
  void run();

  vault::Vault& vault_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::vector<vault::Draft> drafts_;
  std::vector<Done> dones_;
  std::thread thread_;
};

}  // namespace holdfast::trustee
