#pragma once

#include <boost/beast/http/fields.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "server/fields.h"
#include "server/router.h"
#include "trustee/caller.h"
#include "trustee/loops/task.h"

namespace holdfast::server {

using trustee::Async;
using trustee::Task;

/// How much of a streamed body is in memory at once, at most.
inline constexpr std::size_t kPieceBytes = 64u << 10;

/// The connection's side of an exchange.
class Wire {
 public:
  virtual ~Wire() = default;
  /// How many bytes to wait for.
  enum class Wanted : std::uint8_t { all, some };
  /// Up to `size` bytes of the body: all of them, but at its end; or what is there as soon as there is some. 0 beyond
  /// the end. unavailable "request.aborted" when the caller is gone or too slow; invalid "request.malformed".
  virtual Task<std::size_t> read_body(char* out, std::size_t size, Wanted wanted) = 0;
  /// unavailable "request.aborted".
  virtual Task<void> write(std::string_view bytes) = 0;
  /// "Fri, 20 Nov 2026 10:00:00 GMT", of this second.
  virtual std::string_view date() const = 0;
};

/// One request and its answer, for one handler. The handler answers once, or begins a stream and ends it by
/// returning; an error that it returns becomes a problem document, or breaks the stream off.
class Exchange {
 public:
  using Fields = boost::beast::http::fields;

  Exchange(Wire& wire, const Fields& fields, const trustee::Caller& caller, Match match, std::size_t body_bytes_max,
           std::string_view traceparent)
      : wire_(wire),
        fields_(fields),
        caller_(caller),
        match_(std::move(match)),
        body_bytes_max_(body_bytes_max),
        trace_(Trace::of(traceparent)) {}
  Exchange(const Exchange&) = delete;

  // ---- the request
  const trustee::Caller& caller() const { return caller_; }
  const Match& match() const { return match_; }
  const std::string& parameter(std::size_t i) const { return match_.parameters[i]; }
  const Trace& trace() const { return trace_; }
  /// Empty when there is none.
  std::string_view field(boost::beast::http::field name) const;
  std::string_view field(std::string_view name) const;
  bool has_field(boost::beast::http::field name) const { return fields_.count(name) > 0; }
  /// invalid "request.media" (415) unless the body is of this media type, or of the other, and not compressed.
  Result<void> require_media(std::string_view type, std::string_view other = {}) const;
  /// The whole body, of as many bytes as the server takes of one request, or of `bytes_max`.
  /// invalid "request.body.large" (413).
  Task<std::string> body() { return body(body_bytes_max_); }
  Task<std::string> body(std::size_t bytes_max);
  /// What has come of the body, at least one byte and at most kPieceBytes, waiting for it; nothing at the end.
  Task<std::string> piece();

  // ---- the answer
  /// `value` must be free of line ends.
  void set_field(std::string_view name, std::string_view value);
  void answer(unsigned status, std::string_view content_type, std::string body);
  /// A 200 whose body follows in pieces (chunked).
  Task<void> begin_stream(std::string_view content_type);
  Task<void> send(std::string_view piece);

  // ---- for the session
  enum class State : std::uint8_t { open, answered, streaming };
  State state() const { return state_; }
  unsigned status() const { return status_; }
  std::string& answer_body() { return body_; }
  /// Replaces whatever answer there was.
  void answer_problem(const Error& error);
  /// Status line and header, into `out`.
  void write_header(std::string& out, bool keep_alive) const;
  static std::string_view last_chunk() { return "0\r\n\r\n"; }
  void set_keep_alive(bool keep) { keep_alive_ = keep; }
  bool is_conditional() const;

 private:
  Wire& wire_;
  const Fields& fields_;
  const trustee::Caller& caller_;
  Match match_;
  std::size_t body_bytes_max_;
  Trace trace_;
  State state_ = State::open;
  bool keep_alive_ = true;
  unsigned status_ = 0;
  std::string_view content_type_;
  std::string extra_;
  std::string body_;
};

}  // namespace holdfast::server
