#include "server/core.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "server/lasting.h"
#include "server/session.h"

namespace holdfast::server {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::chrono::milliseconds kTick{250};
constexpr std::chrono::seconds kStopWithin{10};

std::vector<Operation> all_operations() {
  std::vector<Operation> all;
  for (const auto group : {evidence_routes, flow_routes, collection_routes, subject_routes, governing_routes,
                           module_routes, module_log_routes, job_routes, health_routes}) {
    for (const Operation& operation : group()) all.push_back(operation);
  }
  return all;
}

std::vector<Route> routes_of(const std::vector<Operation>& operations, bool plain_only) {
  std::vector<Route> routes;
  for (const Operation& operation : operations) {
    if (plain_only && operation.audience != Audience::anyone_plain) continue;
    routes.push_back(operation.route);
    // What is disclosed goes on record and may spend a limit: not for a HEAD, which shows none of it.
    routes.back().head = operation.route.method == "GET" && operation.audience != Audience::certificate;
  }
  return routes;
}

}  // namespace

// An index into plain_router's routes is the same operation: the plain ones come first.
Shared::Shared(const Config& configuration, trustee::Trustee& trustee)
    : config(configuration),
      operations(all_operations()),
      router(routes_of(operations, false)),
      plain_router(routes_of(operations, true)),
      metrics(routes_of(operations, false)),
      log(config.log_level),
      service{config, trustee, metrics} {}

Core::Core(Shared& shared) : shared_(shared), sessions_(std::make_unique<Sessions>()) { refresh(); }

Core::~Core() = default;

void Core::refresh() {
  now_ = Clock::now();
  const std::time_t second = std::time(nullptr);
  if (second == date_of_) return;
  date_of_ = second;
  std::tm at{};
  gmtime_r(&second, &at);
  char text[64];
  date_.assign(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &at));
}

void Core::run() noexcept {
  start_lasting(io_, [this] { return tick(); });
  io_.run();
}

trustee::Async<bool> Core::tick() {
  // A connection that was accepted before the stop may still be on its way here.
  if (shared_.stopping && !shared_.accepting && shared_.metrics.connections == 0) co_return false;
  asio::steady_timer timer(io_, kTick);
  co_await timer.async_wait(trustee::kNoThrow);
  refresh();
  for (auto it = sessions_->begin(); it != sessions_->end();) {
    Session& session = *it++;
    session.expire_if_due(now_);
    session.release_if_waiting(now_);
    if (now_ > stop_by_) session.close_now();
  }
  co_return true;
}

void Core::start(Socket socket, bool plain) {
  shared_.metrics.connections.fetch_add(1);
  shared_.metrics.accepted.fetch_add(1, std::memory_order_relaxed);
  const auto ended = [this](std::exception_ptr fault) {
    shared_.metrics.connections.fetch_sub(1);
    if (fault) shared_.log.event(LogLevel::error, "connection.fault", "a connection ended by a fault of the server");
  };
  try {
    asio::co_spawn(io_, serve(std::move(socket), plain), ended);
  } catch (const std::exception&) {  // it did not come to be; the one at the door is told
    shared_.metrics.connections.fetch_sub(1);
    throw;
  }
}

trustee::Async<void> Core::serve(Socket socket, bool plain) {
  if (shared_.metrics.connections > shared_.config.bounds.connections && !evict()) co_return;
  Session session(*this, std::move(socket), plain ? nullptr : shared_.tls.load());
  sessions_->push_back(session);
  if (shared_.stopping) session.end_if_waiting();
  co_await session.run();
}

bool Core::evict() {
  Session* first = nullptr;
  for (Session& session : *sessions_) {
    const auto standing = session.standing();
    if (standing == Session::Standing::busy) continue;
    if (!first || std::pair(standing, session.since()) < std::pair(first->standing(), first->since())) first = &session;
  }
  if (!first) return false;
  first->close_now();
  shared_.metrics.evicted.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void Core::stop() {
  asio::post(io_, [this] {
    stop_by_ = Clock::now() + kStopWithin;
    for (auto it = sessions_->begin(); it != sessions_->end();) (it++)->end_if_waiting();
  });
}

}  // namespace holdfast::server
