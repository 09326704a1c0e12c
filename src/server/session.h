#pragma once

#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/intrusive/list_hook.hpp>
#include <optional>

#include "server/core.h"
#include "server/exchange.h"
#include "server/tls.h"

namespace holdfast::server {

/// One connection: handshake, then request after request, then a close that loses no answer. Lives on its core's
/// thread, in the coroutine that runs it.
class Session final
    : public Wire,
      public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// `tls` null: plain HTTP, evidence only.
  Session(Core& core, Tcp::socket socket, std::shared_ptr<boost::asio::ssl::context> tls);
  ~Session() override;

  boost::asio::awaitable<void> run();

  // ---- for the core
  /// Since when it waits for a request or a handshake; max: at work.
  std::chrono::steady_clock::time_point waiting_since() const { return waiting_since_; }
  /// Ends what the caller was too slow for.
  void expire_if_due(std::chrono::steady_clock::time_point now);
  void end_if_waiting();
  void close_now();

  // ---- Wire
  Task<std::size_t> read_body(char* out, std::size_t size) override;
  Task<void> write(std::string_view bytes) override;
  std::string_view date() const override { return core_.date(); }

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;
  using Clock = std::chrono::steady_clock;

  boost::asio::awaitable<bool> handshake();
  /// False: no more requests come.
  boost::asio::awaitable<bool> serve_one();
  Task<void> read_header();
  boost::asio::awaitable<void> refuse(const Error& error);
  boost::asio::awaitable<bool> handle(Exchange& exchange, bool head);
  boost::asio::awaitable<Result<void>> call(Exchange& exchange);
  boost::asio::awaitable<bool> finish(Exchange& exchange, bool head, Result<void> outcome);
  /// Reads past a body that the handler did not want, so that the connection can go on.
  boost::asio::awaitable<void> discard_body();
  boost::asio::awaitable<void> close();
  /// More bytes into in_. False: end of stream, or an error.
  boost::asio::awaitable<bool> fill();
  Result<void> admit(const Match& match) const;
  Error aborted_error() const;

  void allow(std::chrono::seconds time) { deadline_ = core_.now() + time; }
  void allow_any_time() { deadline_ = Clock::time_point::max(); }

  Core& core_;
  Tcp::socket socket_;
  std::shared_ptr<boost::asio::ssl::context> context_;
  std::optional<boost::asio::ssl::stream<Tcp::socket&>> tls_;
  Peer peer_{trustee::Caller{}, 0};
  boost::beast::flat_buffer in_;
  std::optional<Parser> parser_;
  std::string out_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point waiting_since_ = Clock::time_point::max();
  bool timed_out_ = false;
  bool ending_ = false;  ///< stop waiting for requests
  bool broken_ = false;  ///< nothing can be written any more
  bool continue_sent_ = false;
};

}  // namespace holdfast::server
