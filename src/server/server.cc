#include "server/server.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <thread>

#include "server/core.h"
#include "server/lasting.h"
#include "server/tls.h"

namespace holdfast::server {

namespace asio = boost::asio;
using boost::system::error_code;
using trustee::Async;
using trustee::kNoThrow;

namespace {

constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr rlim_t kSparefiles = 1024;  // for the store, the log and the libraries

/// A connection is a file to the kernel; the soft limit is often far below what it lets us have.
void raise_file_limit(std::uint32_t connections) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min<rlim_t>(connections + kSparefiles, limit.rlim_max);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  setrlimit(RLIMIT_NOFILE, &limit);
}

Result<Tcp::acceptor> listen_on(asio::io_context& io, const Endpoint& endpoint) {
  const std::string where = fmt::format("{}:{}", endpoint.host, endpoint.port);
  error_code error;
  Tcp::resolver resolver(io);
  const auto found = resolver.resolve(endpoint.host, std::to_string(endpoint.port), Tcp::resolver::passive, error);
  if (error || found.empty()) {
    return fail(Code::invalid, "config.address", where,
                "this address cannot be found: " + error.message() + "; correct it in holdfast.yaml");
  }
  const Tcp::endpoint at = *found.begin();
  Tcp::acceptor acceptor(io);
  acceptor.open(at.protocol(), error);
  if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(at, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return acceptor;
  return fail(
      Code::unavailable, "server.listen", where,
      "cannot listen here: " + error.message() + "; stop what has this port, or name another one in holdfast.yaml");
}

}  // namespace

struct Server::Impl {
  Impl(Config configuration, trustee::Trustee& trustee, ServerOptions given)
      : config(std::move(configuration)), options(std::move(given)), shared(config, trustee) {}

  Async<bool> accept_one(Tcp::acceptor& acceptor, bool plain);
  Async<bool> heed_signal(asio::signal_set& signals);
  Core& next_core() { return *cores[turn++ % cores.size()]; }
  Result<void> reload();
  void stop();

  const Config config;
  const ServerOptions options;
  Shared shared;
  std::vector<std::unique_ptr<Core>> cores;
  // All on the first core's thread: connections are handed out in turn, so a few long ones spread evenly too.
  std::optional<Tcp::acceptor> main, evidence;
  std::optional<asio::signal_set> signals;
  std::size_t turn = 0;
};

/// One connection; false when there will be no more.
Async<bool> Server::Impl::accept_one(Tcp::acceptor& acceptor, bool plain) {
  if (!acceptor.is_open()) co_return false;
  std::string wrong;
  try {
    Core& core = next_core();
    auto [error, socket] = co_await acceptor.async_accept(core.io(), kNoThrow);
    if (!error) {
      core.start(std::move(socket), plain);
      co_return true;
    }
    wrong = error.message();
  } catch (const std::exception&) {
    wrong = "there was no memory for it";
  }
  if (!acceptor.is_open()) co_return false;
  // Out of files or memory, most likely: existing connections go on, and end.
  shared.log.event(LogLevel::warn, "accept.failed", wrong);
  asio::steady_timer pause(cores.front()->io(), kAcceptPause);
  co_await pause.async_wait(kNoThrow);
  co_return true;
}

/// One signal; false when it was the last.
Async<bool> Server::Impl::heed_signal(asio::signal_set& set) {
  const auto [error, number] = co_await set.async_wait(kNoThrow);
  if (error) co_return false;
  if (number != SIGHUP) {
    stop();
    shared.log.event(LogLevel::info, "server.stopping", "asked to stop; requests under way are finished");
    co_return false;
  }
  const auto reloaded = reload();
  shared.log.event(reloaded ? LogLevel::info : LogLevel::error, "tls.reload",
                   reloaded ? "certificates are read again" : reloaded.error().text());
  co_return true;
}

Result<void> Server::Impl::reload() {
  HF_TRY(auto tls, make_tls(config.tls));
  shared.metrics.certificate_end = certificate_end(*tls);
  shared.tls.store(std::move(tls));
  return {};
}

void Server::Impl::stop() {
  if (shared.stopping.exchange(true)) return;
  asio::post(cores.front()->io(), [this] {
    error_code ignored;
    main->close(ignored);
    if (evidence) evidence->close(ignored);
    if (signals) signals->cancel(ignored);
    shared.accepting = false;
    for (const auto& core : cores) core->stop();
  });
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::create(Config config, trustee::Trustee& trustee, ServerOptions options) {
  raise_file_limit(config.bounds.connections);
  auto impl = std::make_unique<Impl>(std::move(config), trustee, std::move(options));
  HF_CHECK(impl->reload());
  const unsigned threads =
      impl->config.threads ? impl->config.threads : std::max(1u, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < threads; ++i) impl->cores.push_back(std::make_unique<Core>(impl->shared));
  asio::io_context& first = impl->cores.front()->io();
  HF_TRY(impl->main, listen_on(first, impl->config.listen));
  if (impl->config.evidence_listen) {
    HF_TRY(impl->evidence, listen_on(first, *impl->config.evidence_listen));
  }
  if (impl->options.handle_signals) impl->signals.emplace(first, SIGTERM, SIGINT, SIGHUP);
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Result<void> Server::run() {
  Impl& impl = *impl_;
  asio::io_context& first = impl.cores.front()->io();
  start_lasting(first, [&impl] { return impl.accept_one(*impl.main, false); });
  if (impl.evidence) start_lasting(first, [&impl] { return impl.accept_one(*impl.evidence, true); });
  if (impl.signals) start_lasting(first, [&impl] { return impl.heed_signal(*impl.signals); });
  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < impl.cores.size(); ++i) threads.emplace_back([&core = *impl.cores[i]] { core.run(); });
  impl.cores.front()->run();
  return {};
}

void Server::stop() { impl_->stop(); }
Result<void> Server::reload() { return impl_->reload(); }

Server::Ports Server::ports() const {
  error_code ignored;
  Ports ports;
  ports.main = impl_->main->local_endpoint(ignored).port();
  if (impl_->evidence) ports.evidence = impl_->evidence->local_endpoint(ignored).port();
  return ports;
}

}  // namespace holdfast::server
