// holdfast_load: asks an HTTPS server for pages over kept connections, as fast as it answers, and tells how fast that
// was. One thread, so that one core holds the load and another the server; client certificates, which wrk cannot.
//
//   holdfast_load https://127.0.0.1:8443 --ca tls/ca.crt --cert clients/app.crt --key clients/app.key
//     --path '/v1/flows/account/subjects/p{i}' --range 0 999 --connections 32 --seconds 5
#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_static_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Stream = asio::ssl::stream<Socket>;
template <class T = void>
using Task = asio::awaitable<T, Executor>;
constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable_t<Executor>{});

/// How long answers may be outstanding after the time is up; then they count as errors.
constexpr std::chrono::seconds kGrace{10};
constexpr std::size_t kBufferBytes = 64u << 10;
constexpr std::uint64_t kErrorsMax = 1000;  ///< a server that answers with nothing else is not being measured

struct Options {
  std::string url, ca, certificate, key;
  std::vector<std::string> paths;
  std::pair<std::uint64_t, std::uint64_t> range{0, 0};
  unsigned connections = 1;
  double seconds = 0;
  std::uint64_t requests = 0;
};

/// Reads one response to its end and keeps nothing of it but its status and length: the load must cost less than what
/// it loads.
class ResponseParser final : public beast::http::basic_parser<false> {
 public:
  int status() const { return status_; }
  std::uint64_t body_bytes() const { return body_bytes_; }

 private:
  using Failure = beast::error_code;
  using View = beast::string_view;
  void on_request_impl(beast::http::verb, View, View, int, Failure&) override {}
  void on_response_impl(int status, View, int, Failure&) override { status_ = status; }
  void on_field_impl(beast::http::field, View, View, Failure&) override {}
  void on_header_impl(Failure&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Failure&) override {}
  std::size_t on_body_impl(View piece, Failure&) override { return count(piece.size()); }
  void on_chunk_header_impl(std::uint64_t, View, Failure&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View piece, Failure&) override { return count(piece.size()); }
  void on_finish_impl(Failure&) override {}

  std::size_t count(std::size_t bytes) {
    body_bytes_ += bytes;
    return bytes;
  }

  int status_ = 0;
  std::uint64_t body_bytes_ = 0;
};

/// The requests in turn: each path of the list for one {i}, then for the next.
class Requests {
 public:
  Requests(const Options& options, std::string_view host) : range_(options.range), i_(options.range.first) {
    for (const std::string& path : options.paths) {
      const std::size_t at = path.find("{i}");
      const bool fixed = at == std::string::npos;
      templates_.push_back({"GET " + path.substr(0, at), fixed ? "" : path.substr(at + 3), fixed});
      templates_.back().after += " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n";
    }
  }

  void next(std::string& out) {
    const Template& now = templates_[at_];
    out.assign(now.before);
    if (!now.fixed) out += std::to_string(i_);
    out += now.after;
    if (++at_ < templates_.size()) return;
    at_ = 0;
    i_ = i_ < range_.second ? i_ + 1 : range_.first;
  }

 private:
  struct Template {
    std::string before, after;
    bool fixed;
  };
  std::vector<Template> templates_;
  std::pair<std::uint64_t, std::uint64_t> range_;
  std::uint64_t i_;
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
    latencies_ns.push_back(
        static_cast<std::uint32_t>(std::min<std::int64_t>(took, std::numeric_limits<std::uint32_t>::max())));
    body_bytes += bytes;
    last = done;
  }
  void bad(std::string what) {
    if (errors++ == 0) first_error = std::move(what);
  }
};

class Load;

/// One kept connection: a request, its whole answer, the next.
class Connection {
 public:
  Connection(Load& load, asio::io_context& context, asio::ssl::context& tls);
  Task<beast::error_code> open();
  Task<> run();

 private:
  Task<bool> ask();
  Task<beast::error_code> exchange(ResponseParser& parser);

  Load& load_;
  asio::io_context& context_;
  asio::ssl::context& tls_;
  std::optional<Stream> stream_;
  beast::flat_static_buffer<kBufferBytes> buffer_;
  std::string request_;
};

/// All connections of one run.
class Load {
 public:
  explicit Load(const Options& options);
  void connect();
  void run();
  boost::json::object report() const;

  /// Whether another request is to be sent now; it counts.
  bool claim(Clock::time_point now) {
    if (now >= end_ || left_ == 0 || tally.errors > kErrorsMax) return false;
    --left_;
    return true;
  }

  tcp::endpoint server;
  std::string host;
  std::optional<Requests> requests;
  Tally tally;

 private:
  const Options& options_;
  asio::io_context context_{1};  // before the connections, whose sockets are its own
  asio::ssl::context tls_{asio::ssl::context::tlsv13_client};
  std::vector<std::unique_ptr<Connection>> connections_;
  Clock::time_point start_, end_;
  std::uint64_t left_ = 0;
};

Connection::Connection(Load& load, asio::io_context& context, asio::ssl::context& tls)
    : load_(load), context_(context), tls_(tls) {}

Task<beast::error_code> Connection::open() {
  buffer_.clear();
  stream_.emplace(Socket(context_), tls_);
  SSL_set_tlsext_host_name(stream_->native_handle(), load_.host.c_str());
  stream_->set_verify_callback(asio::ssl::host_name_verification(load_.host));
  const auto [refused] = co_await stream_->lowest_layer().async_connect(load_.server, kNoThrow);
  if (refused) co_return refused;
  stream_->lowest_layer().set_option(tcp::no_delay(true));
  const auto [failed] = co_await stream_->async_handshake(asio::ssl::stream_base::client, kNoThrow);
  co_return failed;
}

Task<> Connection::run() {
  while (load_.claim(Clock::now())) {
    const bool open_still = co_await ask();
    if (open_still) continue;
    const beast::error_code failed = co_await open();
    if (failed) {
      load_.tally.bad("reconnecting: " + failed.message());
      co_return;
    }
  }
}

/// One request and its answer, told to the tally; false: the connection is of no more use.
Task<bool> Connection::ask() {
  load_.requests->next(request_);
  ResponseParser parser;
  parser.eager(true);
  parser.body_limit(boost::none);
  const Clock::time_point sent = Clock::now();
  const beast::error_code failed = co_await exchange(parser);
  if (failed) {
    load_.tally.bad(failed.message());
    co_return false;
  }
  if (parser.status() == 200) {
    load_.tally.good(sent, Clock::now(), parser.body_bytes());
  } else {
    load_.tally.bad("status " + std::to_string(parser.status()) + " to " + request_.substr(0, request_.find('\r')));
  }
  co_return parser.keep_alive();
}

Task<beast::error_code> Connection::exchange(ResponseParser& parser) {
  const auto [unsent, written] = co_await asio::async_write(*stream_, asio::buffer(request_), kNoThrow);
  if (unsent) co_return unsent;
  while (!parser.is_done()) {
    if (buffer_.size() == buffer_.max_size()) co_return beast::http::make_error_code(beast::http::error::header_limit);
    const auto [failed, got] =
        co_await stream_->async_read_some(buffer_.prepare(buffer_.max_size() - buffer_.size()), kNoThrow);
    if (failed) co_return failed;
    buffer_.commit(got);
    beast::error_code wrong;
    buffer_.consume(parser.put(buffer_.data(), wrong));
    if (wrong && wrong != beast::http::error::need_more) co_return wrong;
  }
  co_return beast::error_code();
}

Load::Load(const Options& options) : options_(options) {
  std::string_view authority = options.url;
  if (!authority.starts_with("https://")) throw std::invalid_argument("the URL must be https://HOST:PORT");
  authority.remove_prefix(8);
  authority = authority.substr(0, authority.find('/'));
  const std::size_t colon = authority.rfind(':');
  host = authority.substr(0, colon);
  const std::string port(colon == std::string_view::npos ? "443" : authority.substr(colon + 1));
  server = tcp::resolver(context_).resolve(host, port)->endpoint();
  requests.emplace(options, authority);

  tls_.set_verify_mode(asio::ssl::verify_peer);
  if (options.ca.empty()) {
    tls_.set_default_verify_paths();
  } else {
    tls_.load_verify_file(options.ca);
  }
  if (!options.certificate.empty()) {
    tls_.use_certificate_chain_file(options.certificate);
    tls_.use_private_key_file(options.key, asio::ssl::context::pem);
  }
  for (unsigned i = 0; i < options.connections; ++i) {
    connections_.push_back(std::make_unique<Connection>(*this, context_, tls_));
  }
}

/// Opens every connection, outside the time that is measured. Throws when one cannot be.
void Load::connect() {
  beast::error_code failed;
  for (const auto& connection : connections_) {
    asio::co_spawn(context_, connection->open(), [&failed](const std::exception_ptr& thrown, beast::error_code wrong) {
      if (thrown) std::rethrow_exception(thrown);
      if (wrong) failed = wrong;
    });
  }
  context_.run();
  if (failed) throw std::runtime_error("cannot connect to " + options_.url + ": " + failed.message());
}

void Load::run() {
  const double seconds = options_.seconds;
  tally.latencies_ns.reserve(1u << 20);
  left_ = options_.requests > 0 ? options_.requests : std::numeric_limits<std::uint64_t>::max();
  start_ = Clock::now();
  tally.last = start_;
  end_ = Clock::time_point::max();
  if (seconds > 0) end_ = start_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));

  std::size_t going = connections_.size();
  asio::steady_timer overdue(context_);
  context_.restart();
  for (const auto& connection : connections_) {
    asio::co_spawn(context_, connection->run(), [&](const std::exception_ptr& thrown) {
      if (thrown) std::rethrow_exception(thrown);
      if (--going == 0) overdue.cancel();
    });
  }
  if (seconds > 0) {
    overdue.expires_at(end_ + kGrace);
    overdue.async_wait([&](beast::error_code cancelled) {
      if (cancelled) return;
      tally.bad("no answer in time");
      tally.errors += going - 1;
      context_.stop();
    });
  }
  context_.run();
}

boost::json::object Load::report() const {
  std::vector<std::uint32_t> sorted = tally.latencies_ns;
  std::sort(sorted.begin(), sorted.end());
  const auto at_us = [&sorted](double share) {
    if (sorted.empty()) return 0.0;
    const auto rank = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
    return sorted[std::min(rank, sorted.size() - 1)] / 1000.0;
  };
  const double seconds = std::chrono::duration<double>(tally.last - start_).count();
  const auto count = static_cast<double>(sorted.size());
  boost::json::object out{{"requests", sorted.size()},
                          {"seconds", seconds},
                          {"rps", seconds > 0 ? count / seconds : 0.0},
                          {"p50_us", at_us(0.5)},
                          {"p99_us", at_us(0.99)},
                          {"p999_us", at_us(0.999)},
                          {"body_bytes", count > 0 ? static_cast<double>(tally.body_bytes) / count : 0.0},
                          {"errors", tally.errors}};
  if (!tally.first_error.empty()) out["first_error"] = tally.first_error;
  return out;
}

int main_of(int argc, char** argv) {
  Options options;
  CLI::App program("Loads an HTTPS server with GET requests and prints what it answered, as one line of JSON");
  program.add_option("URL", options.url, "https://HOST:PORT")->required();
  program.add_option("--path", options.paths, "What to ask for; {i} counts through the range; may be repeated")
      ->required()
      ->allow_extra_args(false);
  program.add_option("--range", options.range, "First and last value of {i}");
  program.add_option("--connections", options.connections, "Each with one request under way")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  auto* const seconds = program.add_option("--seconds", options.seconds, "For so long")->check(CLI::PositiveNumber);
  auto* const requests = program.add_option("--requests", options.requests, "So many")->check(CLI::PositiveNumber);
  program.add_option("--ca", options.ca, "Authority of the server's certificate, PEM (default: the system's)");
  auto* const key = program.add_option("--key", options.key, "Private key of --cert, PEM");
  program.add_option("--cert", options.certificate, "Client certificate, PEM")->needs(key);
  CLI11_PARSE(program, argc, argv);
  if (seconds->count() + requests->count() == 0) {
    std::cerr << "holdfast_load: say --seconds or --requests\n";
    return 2;
  }
  Load load(options);
  load.connect();
  load.run();
  std::cout << boost::json::serialize(load.report()) << '\n';
  return load.tally.latencies_ns.empty() ? 1 : 0;
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
