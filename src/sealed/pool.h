#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "sealed/run.h"
#include "sealed/trustee_ring.h"

namespace holdfast::sealed {

class Crew;

struct PoolOptions {
  std::string program;              ///< find_worker_program()
  unsigned workers_per_module = 1;  ///< at least 1
  std::vector<int> cores;           ///< the workers stay on these, in turn; empty: anywhere
  ring::Shape shape{64, 4u << 20, 1u << 20, 4096};
  WorkerSettings worker;         ///< `core` is chosen from `cores`
  std::size_t queue_max = 1024;  ///< requests of one module that wait for a slot; more are refused
  /// How often answers are looked for while there are some to come; 0: each at once, at the price of a wake-up each.
  std::chrono::microseconds collect_every{0};
  std::chrono::milliseconds start_max{10'000};       ///< to start and to compile; a worker that takes longer is killed
  std::chrono::milliseconds grace{100};              ///< over a request's time limit, before its worker is killed
  std::uint32_t required_layers = ring::kAllLayers;  ///< ring::Layer bits that a worker must have to get any module
};

/// What happened since the start, of all modules.
struct PoolStats {
  std::uint64_t runs = 0;          ///< answered by a worker
  std::uint64_t workers_lost = 0;  ///< died, overstayed or lied, and were replaced
  std::size_t waiting = 0, running = 0;
};

/// Runs sealed modules in jailed workers of their own: a worker sees one module, ever, so one that breaks out has what
/// was sent to that module and nothing else. Workers stay warm; one that dies, overstays or writes what cannot be is
/// killed and replaced, its first request fails, and the others go to the next one. Thread-safe.
class Pool {
 public:
  explicit Pool(PoolOptions options);
  /// Kills the workers and fails what waits.
  ~Pool();

  /// Starts workers for `module`, whose digest is `name`, and returns when one is ready. `context` follows every
  /// request's input on fd 0: a trained model, say. Replaces nothing: a known name is a conflict.
  /// Errors: invalid sealed.module.rejected (does not compile, or wants too much memory); refused sealed.jail.weak
  /// (the kernel gives less than `required_layers`); conflict sealed.module.known; those of WorkerProcess.
  Result<void> add(const Hash& name, Bytes module, Bytes context = {});
  /// Kills its workers and fails what waits for them.
  void remove(const Hash& name);
  bool has(const Hash& name) const;

  /// Runs `request`; `done` is called once, perhaps before this returns.
  void submit(const Hash& module, Request request, Completion done);
  /// Many at once, with one wake-up.
  struct Job {
    Request request;
    Completion done;
  };
  void submit(const Hash& module, std::vector<Job> jobs);

  PoolStats stats() const;

 private:
  std::shared_ptr<Crew> find(const Hash& module) const;

  const PoolOptions options_;
  mutable std::shared_mutex mutex_;
  std::map<Hash, std::shared_ptr<Crew>> crews_;
};

/// Starts a worker, lets it put up its jail, and ends it: which layers this machine gives. Errors of WorkerProcess.
Result<std::uint32_t> probe_jail(const std::string& program);
/// "user namespace, seccomp": the layers of `layers` by name.
std::string layer_names(std::uint32_t layers);
/// The layer of that name, as "network-namespace", in any case; 0 when there is none.
std::uint32_t layer_named(std::string_view name);

}  // namespace holdfast::sealed
