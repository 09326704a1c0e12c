#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "sealed/pool.h"
#include "sealed/worker_process.h"

namespace holdfast::sealed {

/// Starts a worker on `ring` and waits until its jail is up. Errors: those of WorkerProcess, unavailable
/// sealed.worker.start, refused sealed.jail.weak.
Result<WorkerProcess> start_jailed(const std::string& program, TrusteeRing& ring, std::uint32_t required_layers,
                                   std::chrono::milliseconds start_max);

/// The same, and gives it its module; returns when it has compiled that, and waits for requests. Errors also:
/// invalid sealed.module.rejected.
Result<WorkerProcess> start_ready(const std::string& program, TrusteeRing& ring, std::uint32_t required_layers,
                                  std::chrono::milliseconds start_max, ByteView module, ByteView context);

/// The workers of one module, and what waits for them. Each worker has a thread here, which starts it, takes its
/// answers, and replaces it.
class Crew {
 public:
  Crew(const PoolOptions& options, Bytes module, Bytes context, unsigned first_core);
  ~Crew();

  /// Until one worker is ready, or has said why it will not be.
  Result<void> wait_ready();
  void submit(std::vector<Pool::Job> jobs);
  void add_to(PoolStats& stats) const;

 private:
  using Clock = std::chrono::steady_clock;

  /// One worker and its thread.
  struct Post {
    int core = -1;
    std::optional<TrusteeRing> ring;  ///< while there is a worker that takes requests
    std::deque<Pool::Job> in_flight;  ///< in the order of the ring
    Clock::time_point first_since;    ///< when the first of them became the first
    std::thread thread;
  };

  void keep(Post& post);
  /// One worker's life. The error that ended it; none when the crew is stopping.
  Result<void> employ(Post& post);
  Result<TrusteeRing> start(Post& post, std::optional<WorkerProcess>& process);
  Result<void> serve(Post& post, const WorkerProcess& process);
  /// Hands answers over. True when there was one.
  Result<bool> take_answers(Post& post);
  Result<void> judge(Post& post, const WorkerProcess& process);
  /// Moves what waits into free slots; under mutex_.
  void fill(Post& post);
  Post* idlest();
  void dismiss(Post& post, const Error& why);
  void fail_waiting(const Error& why);
  bool pause(std::chrono::milliseconds time);

  const PoolOptions& options_;
  const Bytes module_, context_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Post>> posts_;
  std::deque<Pool::Job> waiting_;
  std::optional<Error> first_failure_;  ///< of the latest start; none once a worker was ready
  bool stopping_ = false, was_ready_ = false;
  std::uint64_t runs_ = 0, lost_ = 0;
};

}  // namespace holdfast::sealed
