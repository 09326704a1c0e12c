#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/router.h"
#include "trustee/trustee.h"

namespace prometheus {
class Counter;
class Histogram;
class Registry;
template <class T>
class Family;
}  // namespace prometheus

namespace holdfast::server {

/// What /metrics tells: counts and times, never who. Labels are route templates and flows of the agreement, so their
/// number is bounded. Thread-safe; a request costs two relaxed additions and, for a flow, one short lock of its own.
class Metrics {
 public:
  explicit Metrics(std::span<const Route> routes);
  ~Metrics();

  /// `route`: an index into the routes, or `unrouted()`.
  void count(std::size_t route, unsigned status);
  std::size_t unrouted() const { return routes_.size(); }
  /// How long a release through `flow` took. Only for flows that exist.
  void observe_flow(const std::string& flow, std::chrono::microseconds duration);

  std::atomic<std::int64_t> connections{0};
  std::atomic<std::int64_t> in_flight{0};
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> handshakes_failed{0};
  std::atomic<std::uint64_t> timed_out{0};
  std::atomic<std::uint64_t> evicted{0};
  std::atomic<std::uint64_t> faults{0};         ///< answers of 500 that were ours, no contained run's
  std::atomic<std::time_t> certificate_end{0};  ///< of the server's own

  /// Prometheus text format, with what the trustee says of itself.
  std::string text(trustee::Trustee& trustee) const;

 private:
  static constexpr std::size_t kStatuses = 24;
  static std::size_t slot_of(unsigned status);

  std::vector<Route> routes_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> requests_;  ///< by route, then status
  std::unique_ptr<prometheus::Registry> registry_;
  prometheus::Family<prometheus::Histogram>* flows_;
  std::mutex mutex_;
  std::unordered_map<std::string, prometheus::Histogram*> by_flow_;
};

}  // namespace holdfast::server
