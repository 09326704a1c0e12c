#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "ledger/ledger.h"
#include "trustee/trustee.h"

namespace holdfast::trustee {

/// How far the job is that is being run.
struct JobProgress {
  std::uint64_t job = 0;
  enum class Phase : std::uint8_t { preparing, gathering, running, keeping } phase = Phase::preparing;
  std::uint64_t subjects = 0, subjects_in_all = 0;  ///< looked at, of those there are
  std::uint64_t records = 0, bytes = 0;             ///< handed to the module
  std::chrono::steady_clock::time_point since;      ///< of this phase
};
std::string_view to_string(JobProgress::Phase);

/// Runs jobs on a thread of its own, one after the other: whatever the log says was started and has not ended. So what
/// a crash interrupted is begun again at the next start, and what is cancelled in the log stops.
class JobRunner {
 public:
  /// `self` must outlive it; begins with what is open.
  explicit JobRunner(Trustee::Impl& self);
  /// Stops what runs; it goes on record as nothing, and is begun again at the next start.
  ~JobRunner();

  /// There is something to do.
  void wake();
  /// Nothing when none is being run.
  std::optional<JobProgress> progress() const;

 private:
  friend class JobRun;
  void work();
  /// The oldest open job.
  std::optional<ledger::Ledger::Job> next() const;
  /// Nothing to do, or trouble: waits until woken, or for a while.
  bool pause(std::chrono::milliseconds time);
  bool stopping() const;
  void show(const JobProgress& progress);

  Trustee::Impl& self_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false, woken_ = false;
  std::optional<JobProgress> progress_;
  std::thread thread_;
};

}  // namespace holdfast::trustee
