#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "sealed/long_run.h"
#include "sealed/pool.h"

namespace holdfast::trustee {

/// How sealed modules are run here.
struct SealedOptions {
  sealed::PoolOptions pool;
  std::chrono::microseconds run_max{20'000};  ///< of real time, one run
  /// Answers go on only at multiples of this, so that how long a run took is told in few bits; 0: at once.
  std::chrono::microseconds beat{2'000};
  /// A job's worker; what is the same for all (program, required layers) is `pool`'s.
  sealed::LongRunOptions job;
  std::chrono::microseconds job_run_max{std::chrono::hours(1)};  ///< of real time, of a job's module
};

/// What a flow runs: a module, and the job whose product it is handed.
struct Loadable {
  Hash module;
  std::optional<std::uint64_t> product;
  bool operator==(const Loadable&) const = default;
  /// Its name in the pool.
  Hash key() const;
};

/// What a module wrote, as UTF-8 in which nothing acts on a terminal, each line behind a mark that no line of the
/// trustee's has.
std::string marked_lines(ByteView text);

/// The sealed modules that are loaded, and what they wrote to their stderr of late. Thread-safe.
class Runs {
 public:
  struct Parts {
    Bytes module, context;
  };
  /// Fetches what is to be loaded.
  using Reader = std::function<Result<Parts>(const Loadable&)>;
  Runs(SealedOptions options, Reader reader);

  const SealedOptions& options() const { return options_; }
  sealed::Pool& pool() { return pool_; }

  bool loaded(const Loadable& what) const { return pool_.has(what.key()); }
  /// Starts its workers, unless it has some. Blocks until one has compiled it; what failed is not tried again for some
  /// seconds, but told. Errors: those of the reader and of Pool::add.
  Result<void> load(const Loadable& what);
  /// Loads what `in_force` names, then drops all else. Blocks. `in_force` is asked when it is this call's turn.
  void keep(const std::function<std::vector<Loadable>()>& in_force);

  /// Of each module's name the last kLogBytesMax: of each run a line of the trustee's, with its time, the first digits
  /// of the file's hash and how it ended, then what the module wrote.
  static constexpr std::size_t kLogBytesMax = 64u << 10;
  void note(const std::string& module, const Hash& file, UnixMillis at, const std::string& ending,
            const sealed::Answer& answer);
  /// Text, oldest first; empty when there is none.
  std::string log(const std::string& module) const;

 private:
  Result<void> load_in_turn(const Loadable& what);

  const SealedOptions options_;
  const Reader reader_;
  std::mutex turn_;  ///< one loads or drops at a time
  struct Failure {
    Error error;
    std::chrono::steady_clock::time_point until;
  };
  std::map<Hash, Failure> failures_;  ///< under turn_
  std::vector<Loadable> kept_;        ///< under turn_
  mutable std::mutex log_mutex_;
  std::map<std::string, std::string> logs_;  ///< by module's name
  sealed::Pool pool_;
};

}  // namespace holdfast::trustee
