// holdfast_load: asks an HTTPS server over kept connections as fast as it answers, and tells how fast that was. One
// thread, so that one core holds the load and another the server; client certificates, which wrk cannot. A receive and
// a send per request and nothing between them and OpenSSL: the load must cost less than what it loads.
//
//   holdfast_load https://127.0.0.1:8443 --ca tls/ca.crt --cert clients/app.crt --key clients/app.key
//     --path '/v1/flows/account/subjects/p{i}' --range 0 999 --connections 32 --seconds 5
#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <csignal>
#include <cstdint>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load_connection.h"

namespace holdfast::bench {
namespace {

/// How long answers may be outstanding after the time is up; then they count as errors.
constexpr std::chrono::seconds kGrace{10};
constexpr std::uint64_t kErrorsMax = 1000;  ///< a server that answers with nothing else is not being measured

volatile std::sig_atomic_t asked_to_end = 0;

struct Options {
  std::string url, method = "GET", body, media = "application/json";
  Identity identity;
  std::vector<std::string> paths;
  std::pair<std::uint64_t, std::uint64_t> range{0, 0};
  unsigned connections = 1;
  double seconds = 0;
  std::uint64_t requests = 0, serial = 0;
};

/// A text with {i}, which counts through the range, and {n}, which never comes again.
class Template {
 public:
  explicit Template(std::string_view text) {
    std::size_t from = 0;
    for (std::size_t at = 0; (at = text.find('{', at)) != std::string_view::npos; ++at) {
      const std::string_view name = text.substr(at, 3);
      if (name != "{i}" && name != "{n}") continue;
      pieces_.push_back({std::string(text.substr(from, at - from)), name[1]});
      from = at + 3;
    }
    rest_ = text.substr(from);
  }

  void append_to(std::string& out, std::uint64_t i, std::uint64_t n) const {
    for (const Piece& piece : pieces_) {
      out += piece.before;
      out += std::to_string(piece.name == 'i' ? i : n);
    }
    out += rest_;
  }

 private:
  struct Piece {
    std::string before;
    char name;
  };
  std::vector<Piece> pieces_;
  std::string rest_;
};

/// The requests in turn: each path of the list for one {i}, then for the next.
class Requests {
 public:
  Requests(const Options& options, std::string_view host)
      : body_(options.body), range_(options.range), i_(options.range.first), n_(options.serial) {
    for (const std::string& path : options.paths) {
      heads_.emplace_back(options.method + " " + path + " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n");
    }
    if (!options.body.empty()) fields_ = "Content-Type: " + options.media + "\r\nContent-Length: ";
  }

  void next(std::string& out) {
    out.clear();
    heads_[at_].append_to(out, i_, n_);
    if (!fields_.empty()) {
      text_.clear();
      body_.append_to(text_, i_, n_);
      out += fields_;
      out += std::to_string(text_.size());
      out += "\r\n\r\n";
      out += text_;
    } else {
      out += "\r\n";
    }
    ++n_;
    if (++at_ < heads_.size()) return;
    at_ = 0;
    i_ = i_ < range_.second ? i_ + 1 : range_.first;
  }

 private:
  std::vector<Template> heads_;
  Template body_;
  std::string fields_, text_;
  std::pair<std::uint64_t, std::uint64_t> range_;
  std::uint64_t i_, n_;
  std::size_t at_ = 0;
};

/// What came of it.
struct Tally {
  std::vector<std::uint32_t> latencies_ns;  ///< of good answers, capped at 4.29 s
  std::uint64_t errors = 0, body_bytes = 0;
  std::string first_error;
  Clock::time_point last{};

  void good(Clock::time_point sent, Clock::time_point done, std::uint64_t bytes) {
    const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(done - sent).count();
    latencies_ns.push_back(static_cast<std::uint32_t>(std::min<std::int64_t>(took, UINT32_MAX)));
    body_bytes += bytes;
    last = done;
  }
  void bad(std::string what) {
    if (errors++ == 0) first_error = std::move(what);
  }
};

/// All connections of one run.
class Load {
 public:
  explicit Load(const Options& options)
      : options_(options), server_(Server::at(options.url)), tls_(options.identity), requests_(options, server_.name) {
    tally_.latencies_ns.reserve(1u << 20);
  }

  /// Opens every connection, outside the time that is measured. Throws when one cannot be.
  void connect() {
    for (unsigned i = 0; i < options_.connections; ++i) {
      connections_.push_back(std::make_unique<Connection>(server_, tls_));
      connections_.back()->open();
      poll_.add(*connections_.back());
    }
  }

  void run();
  boost::json::object report() const;
  bool anything() const { return !tally_.latencies_ns.empty(); }

 private:
  bool ask(Connection& connection, Clock::time_point now);
  void took_in(Connection& connection);
  void count(const Connection& connection, Clock::time_point now);
  bool over(Clock::time_point now) const {
    return now >= end_ || asked_to_end != 0 || left_ == 0 || tally_.errors > kErrorsMax;
  }

  const Options& options_;
  Server server_;
  Tls tls_;
  Requests requests_;
  Poll poll_;
  std::vector<std::unique_ptr<Connection>> connections_;
  Tally tally_;
  Clock::time_point start_, end_ = Clock::time_point::max();
  std::uint64_t left_ = UINT64_MAX;
  std::size_t under_way_ = 0;
};

/// The next request, if there is one; false: this connection is done.
bool Load::ask(Connection& connection, Clock::time_point now) {
  if (over(now)) return false;
  --left_;
  requests_.next(connection.request);
  connection.send(now);
  ++under_way_;
  return true;
}

void Load::count(const Connection& connection, Clock::time_point now) {
  const Answer& answer = connection.answer();
  if (answer.status >= 200 && answer.status < 300) {
    tally_.good(connection.sent_at(), now, answer.body_bytes);
  } else {
    tally_.bad("status " + std::to_string(answer.status) + " to " +
               connection.request.substr(0, connection.request.find('\r')) + ": " + answer.start);
  }
}

/// Takes what has come; with a whole answer, asks again.
void Load::took_in(Connection& connection) {
  if (!connection.awaited()) return;  // what comes unasked, as at a close, is seen by the next request
  const bool open = [&] {
    try {
      if (!connection.receive()) return true;
      --under_way_;
      const Clock::time_point now = Clock::now();
      count(connection, now);
      if (connection.answer().close) return false;
      ask(connection, now);
      return true;
    } catch (const std::runtime_error& thrown) {
      if (connection.awaited()) --under_way_;
      tally_.bad(thrown.what());
      return false;
    }
  }();
  if (open) return;
  poll_.remove(connection);
  if (over(Clock::now())) return;
  connection.open();
  poll_.add(connection);
  ask(connection, Clock::now());
}

void Load::run() {
  if (options_.requests > 0) left_ = options_.requests;
  start_ = Clock::now();
  tally_.last = start_;
  if (options_.seconds > 0) {
    end_ = start_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options_.seconds));
  }
  std::cerr << "started" << std::endl;  // for whoever waits to disturb the server meanwhile
  for (const auto& connection : connections_) ask(*connection, Clock::now());
  Clock::time_point overdue = end_ == Clock::time_point::max() ? end_ : end_ + kGrace;
  while (under_way_ > 0 && Clock::now() < overdue) {
    poll_.wait([this](Connection& connection) { took_in(connection); });
    if (asked_to_end != 0) overdue = std::min(overdue, Clock::now() + kGrace);
  }
  if (under_way_ == 0) return;
  tally_.bad("no answer in time");
  tally_.errors += under_way_ - 1;
}

boost::json::object Load::report() const {
  std::vector<std::uint32_t> sorted = tally_.latencies_ns;
  std::sort(sorted.begin(), sorted.end());
  const auto at_us = [&sorted](double share) {
    if (sorted.empty()) return 0.0;
    const auto rank = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
    return sorted[std::min(rank, sorted.size() - 1)] / 1000.0;
  };
  const double seconds = std::chrono::duration<double>(tally_.last - start_).count();
  const auto count = static_cast<double>(sorted.size());
  boost::json::object out{{"requests", sorted.size()},
                          {"seconds", seconds},
                          {"rps", seconds > 0 ? count / seconds : 0.0},
                          {"p50_us", at_us(0.5)},
                          {"p99_us", at_us(0.99)},
                          {"p999_us", at_us(0.999)},
                          {"max_us", at_us(1.0)},
                          {"body_bytes", count > 0 ? static_cast<double>(tally_.body_bytes) / count : 0.0},
                          {"errors", tally_.errors}};
  if (!tally_.first_error.empty()) out["first_error"] = tally_.first_error;
  return out;
}

int main_of(int argc, char** argv) {
  Options options;
  CLI::App program("Loads an HTTPS server with requests and prints what it answered, as one line of JSON");
  program.add_option("URL", options.url, "https://HOST:PORT")->required();
  program.add_option("--path", options.paths, "What to ask for; {i} counts through the range, {n} never comes again")
      ->required()
      ->allow_extra_args(false);
  program.add_option("--range", options.range, "First and last value of {i}");
  program.add_option("--serial", options.serial, "First value of {n}");
  program.add_option("--method", options.method)->capture_default_str();
  program.add_option("--body", options.body, "Sent with each request; {i} and {n} as in the path");
  program.add_option("--type", options.media, "Content-Type of the body")->capture_default_str();
  program.add_option("--connections", options.connections, "Each with one request under way")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  auto* const seconds =
      program.add_option("--seconds", options.seconds, "For so long, or until SIGTERM")->check(CLI::PositiveNumber);
  auto* const requests = program.add_option("--requests", options.requests, "So many")->check(CLI::PositiveNumber);
  program.add_option("--ca", options.identity.ca, "Authority of the server's certificate, PEM (default: the system's)");
  auto* const key = program.add_option("--key", options.identity.key, "Private key of --cert, PEM");
  program.add_option("--cert", options.identity.certificate, "Client certificate, PEM")->needs(key);
  CLI11_PARSE(program, argc, argv);
  if (seconds->count() + requests->count() == 0) {
    std::cerr << "holdfast_load: say --seconds or --requests\n";
    return 2;
  }
  std::signal(SIGTERM, [](int) { asked_to_end = 1; });
  std::signal(SIGPIPE, SIG_IGN);
  Load load(options);
  load.connect();
  load.run();
  std::cout << boost::json::serialize(load.report()) << '\n';
  return load.anything() ? 0 : 1;
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  try {
    return holdfast::bench::main_of(argc, argv);
  } catch (const std::exception& thrown) {
    std::cerr << "holdfast_load: " << thrown.what() << '\n';
    return 1;
  }
}
