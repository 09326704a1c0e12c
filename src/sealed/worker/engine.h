#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "sealed/ring/layout.h"
#include "sealed/worker/wasi.h"
#include "sealed/worker/watch.h"

namespace holdfast::sealed::worker {

/// How a run ended, as the engine saw it.
struct Verdict {
  ring::Ending ending = ring::Ending::finished;
  ring::Trap trap = ring::Trap::none;
};

/// SpiderMonkey with one compiled module; a fresh instance and a fresh memory for each run. All calls from the thread
/// that started it, but `interrupt`.
class Engine {
 public:
  /// Nothing, and a sentence in `problem`, when it does not start. Makes the threads that it will ever have.
  static std::unique_ptr<Engine> start(std::uint64_t stack_bytes_max, Watch& watch, std::string& problem);
  ~Engine();

  /// Once. False, and a sentence in `problem`, when the module does not compile or its memory may not be so large.
  bool compile(std::span<const std::uint8_t> module, std::uint64_t memory_bytes_max, std::string& problem);
  Verdict run(Run& run, std::uint32_t run_us_max);
  /// Frees what dead instances hold, now: for moments when nobody waits.
  void collect_if_worth();
  /// From any thread: the run that is going on ends, if it is over its time.
  void interrupt();

 private:
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::sealed::worker
