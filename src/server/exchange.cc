#include "server/exchange.h"

#include <fmt/compile.h>

#include <algorithm>
#include <iterator>

#include "server/problem.h"

namespace holdfast::server {

namespace http = boost::beast::http;

namespace {

constexpr std::size_t kFirstBodyBytes = 64u << 10;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

std::string_view Exchange::field(http::field name) const { return view(fields_[name]); }
std::string_view Exchange::field(std::string_view name) const { return view(fields_[{name.data(), name.size()}]); }

bool Exchange::is_conditional() const {
  return has_field(http::field::if_match) || has_field(http::field::if_none_match);
}

Result<void> Exchange::require_media(std::string_view type, std::string_view other) const {
  const std::string_view coding = field(http::field::content_encoding);
  if (!coding.empty() && coding != "identity") {
    return fail(Code::invalid, "request.media", "Content-Encoding",
                "compressed bodies are not taken; send it as it is");
  }
  const std::string given = media_type(field(http::field::content_type));
  if (given == type || (!other.empty() && given == other)) return {};
  return fail(Code::invalid, "request.media", "Content-Type",
              other.empty() ? fmt::format("expected a body of type {}, in UTF-8", type)
                            : fmt::format("expected a body of type {} or {}, in UTF-8", type, other));
}

Task<std::string> Exchange::body(std::size_t bytes_max) {
  const auto large = [bytes_max] {
    return fail(Code::invalid, "request.body.large", "", fmt::format("at most {} bytes are taken here", bytes_max));
  };
  const auto announced = parse_number(field(http::field::content_length));
  if (announced && *announced > bytes_max) co_return large();
  std::string out;
  // One byte on, to see the end. Memory is taken as bytes come, since an announcement costs the caller nothing.
  const std::size_t limit = (announced ? static_cast<std::size_t>(*announced) : bytes_max) + 1;
  while (true) {
    const std::size_t had = out.size();
    out.resize(std::min(std::max(2 * had, kFirstBodyBytes), limit));
    HF_CO_TRY(const std::size_t got, co_await wire_.read_body(out.data() + had, out.size() - had, Wire::Wanted::all));
    const bool ended = had + got < out.size();
    out.resize(had + got);
    if (out.size() > bytes_max) co_return large();
    if (ended) co_return out;
  }
}

Task<std::string> Exchange::piece() {
  std::string out(kPieceBytes, '\0');
  HF_CO_TRY(const std::size_t got, co_await wire_.read_body(out.data(), out.size(), Wire::Wanted::some));
  out.resize(got);
  co_return out;
}

void Exchange::set_field(std::string_view name, std::string_view value) {
  HF_ASSERT(value.find('\r') == std::string_view::npos && value.find('\n') == std::string_view::npos);
  extra_.append(name).append(": ").append(value).append("\r\n");
}

void Exchange::answer(unsigned status, std::string_view content_type, std::string body) {
  HF_ASSERT(state_ == State::open);
  state_ = State::answered;
  status_ = status;
  content_type_ = content_type;
  body_ = std::move(body);
}

void Exchange::answer_problem(const Error& error) {
  HF_ASSERT(state_ != State::streaming);
  status_ = status_of(error, is_conditional());
  state_ = State::answered;
  content_type_ = "application/problem+json";
  extra_.clear();
  if (const int seconds = retry_after_s(error, status_)) set_field("Retry-After", std::to_string(seconds));
  if (status_ == 405) set_field("Allow", match_.allow);
  body_ = problem_json(error, status_);
}

void Exchange::write_header(std::string& out, bool keep_alive) const {
  fmt::format_to(std::back_inserter(out), FMT_COMPILE("HTTP/1.1 {} {}\r\nDate: {}\r\n"), status_, reason_of(status_),
                 wire_.date());
  if (!content_type_.empty()) out.append("Content-Type: ").append(content_type_).append("\r\n");
  if (state_ == State::streaming) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (status_ != 204) {
    fmt::format_to(std::back_inserter(out), FMT_COMPILE("Content-Length: {}\r\n"), body_.size());
  }
  if (!keep_alive) out += "Connection: close\r\n";
  out.append("traceparent: ").append(trace_.parent).append("\r\n").append(extra_).append("\r\n");
}

Task<void> Exchange::begin_stream(std::string_view content_type) {
  HF_ASSERT(state_ == State::open);
  state_ = State::streaming;
  status_ = 200;
  content_type_ = content_type;
  std::string header;
  write_header(header, keep_alive_);
  co_return co_await wire_.write(header);
}

Task<void> Exchange::send(std::string_view piece) {
  if (piece.empty()) co_return Result<void>{};  // an empty chunk would end the stream
  std::string chunk = fmt::format("{:x}\r\n", piece.size());
  chunk.append(piece).append("\r\n");
  co_return co_await wire_.write(chunk);
}

}  // namespace holdfast::server
