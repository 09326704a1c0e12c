#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/intrusive/list_hook.hpp>
#include <optional>

#include "server/core.h"
#include "server/exchange.h"
#include "server/tls.h"
#include "server/transport.h"

namespace holdfast::server {

/// One connection: handshake, then request after request, then a close that loses no answer. Lives on its core's
/// thread, in the coroutine that runs it.
class Session final
    : public Wire,
      public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// `tls` null: plain HTTP, evidence only.
  Session(Core& core, Socket socket, std::shared_ptr<boost::asio::ssl::context> tls);
  ~Session() override;

  Async<void> run();

  // ---- for the core
  /// How dear it is when there are too many; the first to go stand first.
  enum class Standing : std::uint8_t {
    waits,     ///< for a handshake or a request
    slow,      ///< a header has begun and does not come to its end
    stranger,  ///< its caller shows no certificate, and does not send the body or take the answer
    busy,
  };
  Standing standing() const;
  /// Since when it waits, or its request began.
  std::chrono::steady_clock::time_point since() const;
  /// Ends what the caller was too slow for.
  void expire_if_due(std::chrono::steady_clock::time_point now);
  void end_if_waiting();
  /// One that has waited for a while keeps little memory.
  void release_if_waiting(std::chrono::steady_clock::time_point now);
  void close_now();

  // ---- Wire
  Task<std::size_t> read_body(char* out, std::size_t size, Wanted wanted) override;
  Task<void> write(std::string_view bytes) override;
  std::string_view date() const override { return core_.date(); }

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;
  using Clock = std::chrono::steady_clock;

  Async<bool> handshake();
  /// False: no more requests come.
  Async<bool> serve_one();
  Task<void> read_header();
  Async<void> refuse(const Error& error);
  Async<bool> handle(Exchange& exchange, bool head);
  Async<Result<void>> call(Exchange& exchange);
  Async<bool> finish(Exchange& exchange, bool head, Result<void> outcome);
  /// Reads past a body that the handler did not want, so that the connection can go on.
  Async<void> discard_body();
  Async<void> close();
  /// More bytes into in_. False: end of stream, or an error.
  Async<bool> fill(Transport::Likely likely);
  Result<void> admit(const Match& match) const;
  Error aborted_error() const;

  void allow(std::chrono::seconds time) { deadline_ = core_.now() + time; }
  void allow_any_time() { deadline_ = Clock::time_point::max(); }

  Core& core_;
  Transport transport_;
  Peer peer_{trustee::Caller{}, 0};
  boost::beast::flat_buffer in_;
  std::optional<Parser> parser_;
  std::string out_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point waiting_since_ = Clock::time_point::max();  ///< for a request or a handshake; max: at work
  Clock::time_point begun_ = Clock::time_point::max();          ///< the request
  bool in_header_ = false;
  bool on_caller_ = false;  ///< nothing happens until the caller sends or takes something
  bool timed_out_ = false;
  bool ending_ = false;  ///< stop waiting for requests
  bool broken_ = false;  ///< nothing can be written any more
  bool continue_sent_ = false;
  bool body_begun_ = false;           ///< the parser took some of it
  std::ptrdiff_t header_fields_ = 0;  ///< as many as the header had
};

}  // namespace holdfast::server
