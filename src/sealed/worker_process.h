#pragma once

#include <chrono>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace holdfast::sealed {

/// The program that `holdfast` starts as its workers: beside the running one, or in ../libexec/holdfast. Errors:
/// not_found sealed.worker.missing.
Result<std::string> find_worker_program();

/// One worker: started, told its module, killed. It dies with the thread that started it.
class WorkerProcess {
 public:
  /// Errors: unavailable sealed.worker.start.
  static Result<WorkerProcess> start(const std::string& program, int ring_fd);
  WorkerProcess(WorkerProcess&& from) noexcept;
  ~WorkerProcess();

  /// Hands over what it is to run. Blocks while the worker reads. Errors: unavailable sealed.worker.start.
  Result<void> send_module(ByteView module, ByteView context);
  bool alive() const;
  int pid() const { return pid_; }
  /// Of its life so far; 0 when that cannot be told.
  std::chrono::milliseconds cpu_time() const;
  /// Kills it, if need be, and waits until it is gone. How it ended: "exited with 0", "killed by signal 31".
  std::string end();

 private:
  WorkerProcess() = default;

  int pid_ = -1, pidfd_ = -1, control_ = -1;
};

}  // namespace holdfast::sealed
