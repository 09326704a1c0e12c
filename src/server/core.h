#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "server/access_log.h"
#include "server/metrics.h"
#include "server/router.h"
#include "server/routes.h"
#include "server/transport.h"

namespace holdfast::server {

class Session;

/// What all threads share. Immutable but for the marked.
struct Shared {
  Shared(const Config& config, trustee::Trustee& trustee);

  const Config& config;
  std::vector<Operation> operations;  ///< those that plain HTTP gets come first
  Router router, plain_router;
  Metrics metrics;
  AccessLog log;
  Service service;
  std::atomic<std::shared_ptr<boost::asio::ssl::context>> tls;  ///< replaced by a reload
  std::atomic<bool> stopping{false};
  std::atomic<bool> accepting{true};
};

/// A thread with its event loop and the connections that live on it, which never move. Everything but `start` and
/// `stop` happens on that thread.
class Core {
 public:
  explicit Core(Shared& shared);
  ~Core();

  /// Serves until stopped and no connection of the server is left. What leaves the loop as an exception took some
  /// connection's turn with it, or the accepting, which nobody would be told: it ends the process.
  void run() noexcept;
  /// From any thread: serves an accepted connection; `plain`: the evidence over HTTP. Throws for want of memory.
  void start(Socket socket, bool plain);
  /// From any thread: connections that wait for a request end now, the others with their answer.
  void stop();

  boost::asio::io_context& io() { return io_; }
  Shared& shared() { return shared_; }
  /// Refreshed a few times a second: what deadlines are held against, so that no timer is armed per request.
  std::chrono::steady_clock::time_point now() const { return now_; }
  std::string_view date() const { return date_; }

 private:
  friend class Session;
  using Sessions = boost::intrusive::list<Session, boost::intrusive::constant_time_size<false>>;

  trustee::Async<bool> tick();
  trustee::Async<void> serve(Socket socket, bool plain);
  void refresh();
  /// Closes the connection that is least dear, of these the one that waits longest. False when all are at work.
  bool evict();

  Shared& shared_;
  boost::asio::io_context io_{1};
  std::unique_ptr<Sessions> sessions_;
  std::chrono::steady_clock::time_point now_;
  std::chrono::steady_clock::time_point stop_by_ = std::chrono::steady_clock::time_point::max();
  std::time_t date_of_ = 0;
  std::string date_;
};

}  // namespace holdfast::server
