#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "verify/bundle.h"

namespace holdfast::verify {

/// Fetches and hashes bundles on several threads, the reader's own among them, and hands them out in order. No more
/// than a bounded window of them is held, however slow the reader is.
class Pipeline {
 public:
  using Job = std::function<Result<Bundle>(std::uint64_t number)>;

  /// Starts on bundles [first, end), with `threads` - 1 threads beside the reader's. `job` is called from all threads
  /// at once.
  Pipeline(unsigned threads, std::uint64_t first, std::uint64_t end, Job job);
  /// Stops early if not all were taken; waits for the jobs under way.
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// The next bundle; to be called once for each.
  Result<Bundle> next();

 private:
  void claim(std::unique_lock<std::mutex>& lock);
  void work();

  const std::uint64_t end_, window_;
  const Job job_;
  std::mutex mutex_;
  std::condition_variable ready_, room_;
  std::uint64_t claimed_, taken_;
  bool stopping_ = false;
  std::map<std::uint64_t, Result<Bundle>> done_;
  std::vector<std::thread> threads_;
};

}  // namespace holdfast::verify
