#include "server/session.h"

#include <boost/beast/core/string.hpp>

#include "server/problem.h"
#include "server/request.h"

namespace holdfast::server {

namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr std::size_t kReadBytes = 16u << 10;        // a TLS record
constexpr std::size_t kFirstReadBytes = 1u << 10;    // while it waits, a connection needs no more
constexpr std::size_t kJoinBytesMax = 64u << 10;     // a body up to this goes out in one write with its header
constexpr std::size_t kKeptBytesMax = 256u << 10;    // a larger output buffer is given back between requests
constexpr std::size_t kDiscardBytesMax = 64u << 10;  // a longer body that nobody wants costs its caller the connection
constexpr std::chrono::seconds kKeepBuffers{1};
constexpr std::chrono::seconds kLinger{2};
constexpr std::size_t kLingerBytesMax = 4u << 20;

std::string_view party_of(const Peer& peer) {
  if (!peer.caller) return "";
  switch (peer.caller->kind) {
    case trustee::Caller::Kind::nobody:
      return "";
    case trustee::Caller::Kind::party:
      return peer.caller->name;
    case trustee::Caller::Kind::subject:
      return "subject";
  }
  return "";
}

}  // namespace

Session::Session(Core& core, Socket socket, std::shared_ptr<boost::asio::ssl::context> tls)
    : core_(core),
      transport_(std::move(socket), std::move(tls)),
      in_(core.shared().config.bounds.header_bytes + kReadBytes) {}

Session::~Session() = default;

void Session::expire_if_due(Clock::time_point now) {
  if (now < deadline_) return;
  allow_any_time();
  timed_out_ = true;
  core_.shared().metrics.timed_out.fetch_add(1, std::memory_order_relaxed);
  transport_.cancel();
}

void Session::release_if_waiting(Clock::time_point now) {
  if (waiting_since_ == Clock::time_point::max() || now < waiting_since_ + kKeepBuffers) return;
  transport_.release_buffers();
  out_ = {};
}

Session::Standing Session::standing() const {
  if (waiting_since_ != Clock::time_point::max()) return Standing::waits;
  if (!on_caller_ || broken_) return Standing::busy;  // one that was closed frees nothing again
  if (in_header_) return Standing::slow;
  const bool known = peer_.caller && peer_.caller->kind != trustee::Caller::Kind::nobody;
  return known ? Standing::busy : Standing::stranger;
}

Session::Clock::time_point Session::since() const {
  return waiting_since_ != Clock::time_point::max() ? waiting_since_ : begun_;
}

void Session::end_if_waiting() {
  ending_ = true;
  if (waiting_since_ == Clock::time_point::max()) return;
  transport_.cancel();
}

void Session::close_now() {
  ending_ = broken_ = true;
  transport_.close();
}

Async<void> Session::run() {
  const bool good = co_await handshake();
  if (!good) co_return;
  while (co_await serve_one()) {
  }
  co_await close();
}

Async<bool> Session::handshake() {
  if (!transport_.secure()) co_return true;
  waiting_since_ = core_.now();
  allow(core_.shared().config.bounds.handshake);
  const error_code error = co_await transport_.handshake();
  allow_any_time();
  if (error) {
    core_.shared().metrics.handshakes_failed.fetch_add(1, std::memory_order_relaxed);
    co_return false;
  }
  peer_ = identify(transport_.tls(), core_.shared().config.trust_domain);
  co_return true;
}

Async<bool> Session::fill(Transport::Likely likely) {
  const bool waits = likely == Transport::Likely::later && in_.size() == 0;
  if (waits && in_.capacity() > kFirstReadBytes) in_.shrink_to_fit();
  const std::size_t room = std::min(waits ? kFirstReadBytes : kReadBytes, in_.max_size() - in_.size());
  if (room == 0) co_return false;
  const auto space = in_.prepare(room);
  on_caller_ = true;
  const Transport::Moved got = co_await transport_.read(static_cast<char*>(space.data()), space.size(), likely);
  on_caller_ = false;
  if (got.error) {
    if (!timed_out_ && !ending_) broken_ = true;
    co_return false;
  }
  in_.commit(got.bytes);
  co_return true;
}

Error Session::aborted_error() const {
  if (timed_out_)
    return {Code::invalid, "request.timeout", "", "the request did not come in time; send it again, all of it at once"};
  return {Code::unavailable, "request.aborted", "", "the connection ended early"};
}

Task<void> Session::read_header() {
  const Bounds& bounds = core_.shared().config.bounds;
  bool begun = in_.size() > 0;
  waiting_since_ = begun ? Clock::time_point::max() : core_.now();
  begun_ = core_.now();
  in_header_ = true;
  allow(begun ? bounds.header : bounds.idle);
  while (true) {
    if (in_.size() > 0) {
      error_code error;
      const std::string_view unread(static_cast<const char*>(in_.data().data()), in_.size());
      const std::size_t used = parser_->put(in_.data(), error);
      const Result<void> lines = check_lines(unread.substr(0, used));
      in_.consume(used);
      if (!lines) co_return tl::unexpected<Error>(lines.error());
      if (!error) break;
      if (error != http::error::need_more) co_return tl::unexpected<Error>(parse_error(error, unread));
    }
    const bool more = co_await fill(begun ? Transport::Likely::here : Transport::Likely::later);
    if (!more && begun && in_.max_size() == in_.size()) {
      co_return tl::unexpected<Error>(parse_error(http::error::header_limit));
    }
    if (!more) co_return tl::unexpected<Error>(aborted_error());
    if (!begun) {
      begun = true;
      begun_ = core_.now();
      waiting_since_ = Clock::time_point::max();
      allow(bounds.header);
    }
  }
  allow_any_time();
  header_fields_ = std::distance(parser_->get().begin(), parser_->get().end());
  co_return check_header(parser_->get());
}

Task<std::size_t> Session::read_body(char* out, std::size_t size, Wanted wanted) {
  auto& target = parser_->get().body();
  target.data = out;
  target.size = size;
  if (!parser_->is_done() && !continue_sent_ && parser_->get().count(http::field::expect) > 0) {
    continue_sent_ = true;
    HF_CO_CHECK(co_await write("HTTP/1.1 100 Continue\r\n\r\n"));
  }
  allow(core_.shared().config.bounds.idle);
  while (!parser_->is_done() && target.size > 0) {
    error_code error = http::error::need_more;
    std::size_t used = 0;
    const std::string_view unread(static_cast<const char*>(in_.data().data()), in_.size());
    const bool held = parser_->chunked() && !body_begun_ && is_cut_last_chunk(unread);
    if (!unread.empty() && !held) {
      used = parser_->put(in_.data(), error);
      in_.consume(used);
      body_begun_ = body_begun_ || used > 0;
    }
    if (error == http::error::need_buffer) break;
    if (error && error != http::error::need_more) co_return tl::unexpected<Error>(parse_error(error));
    if (!error && used > 0) continue;
    if (wanted == Wanted::some && target.size < size) break;
    // A chunk's header or the trailer: of data there is never so much that is not taken.
    if (in_.size() == in_.max_size()) co_return tl::unexpected<Error>(parse_error(http::error::header_limit));
    if (!co_await fill(Transport::Likely::here)) co_return tl::unexpected<Error>(aborted_error());
  }
  allow_any_time();
  // The parser adds trailers to the header, where they would pass for fields that were checked (RFC 9110 §6.5.1).
  if (parser_->is_done() && parser_->chunked() &&
      std::distance(parser_->get().begin(), parser_->get().end()) != header_fields_) {
    ending_ = true;
    co_return fail(Code::invalid, "request.malformed", "", "fields behind a body in chunks are not taken");
  }
  co_return size - target.size;
}

Task<void> Session::write(std::string_view bytes) {
  if (broken_) co_return tl::unexpected<Error>(aborted_error());
  allow(core_.shared().config.bounds.idle);
  on_caller_ = true;
  const error_code error = co_await transport_.write(bytes);
  on_caller_ = false;
  allow_any_time();
  if (!error) co_return Result<void>{};
  broken_ = true;
  co_return tl::unexpected<Error>(aborted_error());
}

Async<bool> Session::serve_one() {
  if (ending_) co_return false;
  parser_.emplace();
  parser_->header_limit(core_.shared().config.bounds.header_bytes);
  parser_->body_limit(boost::none);  // a handler that takes a body whole bounds it
  continue_sent_ = body_begun_ = false;
  const Result<void> header = co_await read_header();
  in_header_ = false;
  const bool waited = waiting_since_ != Clock::time_point::max();
  waiting_since_ = Clock::time_point::max();
  if (!header) {
    if (!waited && !broken_) co_await refuse(header.error());
    co_return false;
  }
  Shared& shared = core_.shared();
  const auto& request = parser_->get();
  const bool head = request.method() == http::verb::head;
  const std::string_view method(request.method_string().data(), request.method_string().size());
  const std::string_view target(request.target().data(), request.target().size());
  Match match = (transport_.secure() ? shared.router : shared.plain_router).match(method, target);
  const boost::beast::string_view traceparent = request["traceparent"];
  const trustee::Caller nobody;
  Exchange exchange(*this, request, peer_.caller ? *peer_.caller : nobody, std::move(match),
                    shared.config.bounds.body_bytes, {traceparent.data(), traceparent.size()});
  co_return co_await handle(exchange, head);
}

Result<void> Session::admit(const Match& match) const {
  switch (match.outcome) {
    case Match::Outcome::found:
      break;
    case Match::Outcome::no_path:
      return fail(Code::not_found, "request.path", "",
                  "there is nothing at this path; /openapi.yaml has those that there are");
    case Match::Outcome::no_method:
      return fail(Code::invalid, "request.method", "", "this path takes other methods: " + match.allow);
    case Match::Outcome::malformed:
      return fail(Code::invalid, "request.target", "", "expected a path without a query, well escaped, in UTF-8");
  }
  if (core_.shared().operations[match.route].audience != Audience::certificate) return {};
  if (!peer_.caller) return tl::unexpected<Error>(peer_.caller.error());
  if (peer_.caller->kind == trustee::Caller::Kind::nobody) {
    return fail(Code::unauthenticated, "caller.certificate.missing", "",
                "send a client certificate; it says who calls");
  }
  if (std::time(nullptr) > peer_.not_after) {
    return fail(Code::unauthenticated, "caller.certificate.expired", "",
                "the client certificate has expired; renew it");
  }
  return {};
}

Async<Result<void>> Session::call(Exchange& exchange) {
  const Result<void> admitted = admit(exchange.match());
  if (!admitted) co_return tl::unexpected<Error>(admitted.error());
  Shared& shared = core_.shared();
  const Handler handler = shared.operations[exchange.match().route].handler;
  try {
    co_return co_await handler(shared.service, exchange);
  } catch (const std::exception&) {  // what() may hold what was being handled
    co_return fail(Code::internal, "server.fault", "", "the server failed at this request; it is in its log");
  }
}

Async<bool> Session::handle(Exchange& exchange, bool head) {
  Shared& shared = core_.shared();
  const auto start = Clock::now();
  shared.metrics.in_flight.fetch_add(1, std::memory_order_relaxed);
  exchange.set_keep_alive(parser_->keep_alive() && !ending_);
  Result<void> outcome = co_await call(exchange);
  const std::optional<Error> error = outcome ? std::nullopt : std::optional<Error>(outcome.error());
  const bool goes_on = co_await finish(exchange, head, std::move(outcome));
  shared.metrics.in_flight.fetch_sub(1, std::memory_order_relaxed);

  const bool found = exchange.match().outcome == Match::Outcome::found;
  shared.metrics.count(found ? exchange.match().route : shared.metrics.unrouted(), exchange.status());
  if (exchange.status() == 500 && !(error && is_contained_run(*error)))
    shared.metrics.faults.fetch_add(1, std::memory_order_relaxed);
  AccessLine line;
  const auto method = parser_->get().method_string();
  line.method = parser_->get().method() == http::verb::unknown ? "?" : std::string_view(method.data(), method.size());
  line.route = found ? shared.operations[exchange.match().route].route.path : "";
  line.party = party_of(peer_);
  line.trace_id = exchange.trace().id;
  line.status = exchange.status();
  line.duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
  line.error = error ? &*error : nullptr;
  shared.log.request(line);
  co_return goes_on;
}

Async<bool> Session::finish(Exchange& exchange, bool head, Result<void> outcome) {
  if (broken_) co_return false;
  if (exchange.state() == Exchange::State::streaming) {
    if (!outcome) {  // without the last chunk the caller sees that the answer is not whole
      close_now();
      co_return false;
    }
    const Result<void> written = co_await write(Exchange::last_chunk());
    co_return written.has_value() && parser_->is_done() && parser_->keep_alive() && !ending_;
  }
  if (!outcome) exchange.answer_problem(outcome.error());
  HF_ASSERT(exchange.state() == Exchange::State::answered);
  co_await discard_body();
  // In this order: a request that was refused for its header has no body, and no say in keeping the connection.
  const bool keep_alive = !ending_ && !timed_out_ && !broken_ && parser_->is_done() && parser_->keep_alive();
  std::string& body = exchange.answer_body();
  out_.clear();
  exchange.write_header(out_, keep_alive);
  const bool joined = body.size() <= kJoinBytesMax;
  if (joined && !head) out_.append(body);
  Result<void> written = co_await write(out_);
  if (written && !joined && !head) written = co_await write(body);
  if (out_.capacity() > kKeptBytesMax) out_ = {};
  co_return written.has_value() && keep_alive;
}

Async<void> Session::discard_body() {
  if (!parser_->is_header_done() || parser_->is_done() || timed_out_) co_return;
  const bool waits = !continue_sent_ && parser_->get().count(http::field::expect) > 0;  // and does not send it then
  const auto left = parser_->content_length_remaining();
  if (waits || !left || *left > kDiscardBytesMax) co_return;
  std::string nowhere(static_cast<std::size_t>(*left) + 1, '\0');
  const Result<std::size_t> ignored = co_await read_body(nowhere.data(), nowhere.size(), Wanted::all);
  (void)ignored;  // when it failed, the body is not done, and the connection is closed for that
}

Async<void> Session::refuse(const Error& error) {
  ending_ = true;
  const trustee::Caller nobody;
  const Exchange::Fields none;
  Exchange exchange(*this, none, nobody, Match{}, 0, {});
  const bool goes_on = co_await finish(exchange, false, tl::unexpected<Error>(error));
  HF_ASSERT(!goes_on);
  Shared& shared = core_.shared();
  shared.metrics.count(shared.metrics.unrouted(), exchange.status());
  AccessLine line;
  line.party = party_of(peer_);
  line.trace_id = exchange.trace().id;
  line.status = exchange.status();
  line.error = &error;
  shared.log.request(line);
}

Async<void> Session::close() {
  if (broken_) co_return;
  ending_ = on_caller_ = true;
  allow(kLinger);
  transport_.end_writing();
  // What still comes is read away for a moment: closing on top of it would reset the connection, and the answer
  // might be lost on the caller's side.
  in_.consume(in_.size());
  std::size_t total = 0;
  while (!timed_out_ && total < kLingerBytesMax) {
    const auto space = in_.prepare(kReadBytes);
    const Transport::Moved got = co_await transport_.read_raw(static_cast<char*>(space.data()), space.size());
    if (got.error) break;
    total += got.bytes;
  }
}

}  // namespace holdfast::server
