#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "server/fields.h"
#include "server/request.h"
#include "server/router.h"

namespace {

using namespace holdfast;
namespace http = boost::beast::http;
using Parser = http::request_parser<http::buffer_body>;

constexpr std::size_t kHeaderBytes = 4096;
constexpr std::size_t kBodyBytes = 1u << 16;

bool is_token(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    const char lower = static_cast<char>(c | 0x20);
    const bool alphanumeric = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
    if (!alphanumeric && std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string_view::npos) return false;
  }
  return true;
}

/// Is `head` a request's header as RFC 9112 has it, without any of its leniences? Whoever stands before us (a proxy, a
/// firewall) may be strict or lenient; of such a header both read the same.
bool is_strict(std::string_view head) {
  bool first = true;
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    if (end == std::string_view::npos) return false;
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 2);
    for (const char c : line) {
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return false;
    }
    if (line.empty()) return head.empty() && !first;
    if (first) {
      const std::size_t space = line.find(' ');
      if (space == std::string_view::npos || !is_token(line.substr(0, space))) return false;
      const std::string_view target = line.substr(space + 1, line.rfind(' ') - space - 1);
      if (target.empty() || target.find_first_of(" \t") != std::string_view::npos) return false;
      if (!line.ends_with(" HTTP/1.1")) return false;
    } else if (!is_token(line.substr(0, line.find(':')))) {
      return false;  // a fold, a space before the colon, no name
    }
    first = false;
  }
  return false;
}

const server::Router& router() {
  static constexpr std::array<server::Route, 5> kRoutes{{{"GET", "/healthz"},
                                                         {"PUT", "/v1/collections/{collection}/subjects/{subject}"},
                                                         {"GET", "/v1/flows/{flow}/subjects/{subject}"},
                                                         {"POST", "/v1/flows/{flow}/batch"},
                                                         {"GET", "/tile/{rest...}"}}};
  static const server::Router router(kRoutes);
  return router;
}

/// What a server makes of a connection's bytes that come `step` at a time: a line for each request, and how it ends.
class Connection {
 public:
  explicit Connection(std::size_t step) : step_(step) {}

  std::string read(std::string_view bytes) {
    left_ = bytes;
    while (read_one()) {
    }
    return out_;
  }

 private:
  bool fill() {
    const std::size_t room = std::min({step_, left_.size(), in_.max_size() - in_.size()});
    if (room == 0) return false;
    in_.commit(boost::asio::buffer_copy(in_.prepare(room), boost::asio::buffer(left_.data(), room)));
    left_.remove_prefix(room);
    return true;
  }
  /// Not told why: what is cut off may look wrong or just unfinished, by how it came.
  bool end() {
    out_ += '!';
    return false;
  }

  bool read_one() {
    Parser parser;
    head_.clear();
    parser.header_limit(kHeaderBytes);
    parser.body_limit(boost::none);
    while (true) {
      if (in_.size() > 0) {
        boost::system::error_code error;
        const auto* const begin = static_cast<const char*>(in_.data().data());
        const std::size_t used = parser.put(in_.data(), error);
        const auto lines = server::check_lines({begin, used});
        head_.append(begin, used);
        in_.consume(used);
        if (!lines) return end();
        if (!error) break;
        if (error != http::error::need_more) return end();
      }
      if (!fill()) return end();
    }
    const auto checked = server::check_header(parser.get());
    if (!checked) return end();
    HF_ASSERT(is_strict(head_));
    take_header(parser);
    return read_body(parser);
  }

  void take_header(const Parser& parser) {
    const auto& request = parser.get();
    const std::string_view method(request.method_string().data(), request.method_string().size());
    const std::string_view target(request.target().data(), request.target().size());
    out_.append(method).append(" ").append(target);
    const server::Match match = router().match(method, target);
    if (match.outcome == server::Match::Outcome::found) {
      for (const std::string& parameter : match.parameters) {
        HF_ASSERT(is_utf8(parameter) && parameter.find('\0') == std::string::npos);
        out_.append(" ").append(parameter);
      }
    }
    const auto field = [&request](http::field name) {
      const auto value = request[name];
      return std::string_view(value.data(), value.size());
    };
    const auto trace =
        server::Trace::of(std::string_view(request["traceparent"].data(), request["traceparent"].size()));
    HF_ASSERT(trace.id.size() == 32);
    if (const auto version = server::parse_etag(field(http::field::if_match))) {
      HF_ASSERT(server::to_etag(*version) == field(http::field::if_match));
    }
    out_.append(" ").append(server::media_type(field(http::field::content_type)));
    const auto key = request["Idempotency-Key"];
    (void)server::parse_idempotency_key({key.data(), key.size()}).has_value();
  }

  bool read_body(Parser& parser) {
    std::array<char, 512> room{};
    std::size_t total = 0;
    bool begun = false;
    auto& body = parser.get().body();
    while (!parser.is_done() && total < kBodyBytes) {
      body.data = room.data();
      body.size = room.size();
      boost::system::error_code error = http::error::need_more;
      std::size_t used = 0;
      const std::string_view unread(static_cast<const char*>(in_.data().data()), in_.size());
      const bool held = parser.chunked() && !begun && server::is_cut_last_chunk(unread);
      if (!unread.empty() && !held) {
        used = parser.put(in_.data(), error);
        in_.consume(used);
        begun = begun || used > 0;
      }
      const std::size_t got = room.size() - body.size;
      out_.append(room.data(), got);
      total += got;
      if (error && error != http::error::need_more && error != http::error::need_buffer) {
        return end();
      }
      if (error == http::error::need_buffer || (!error && used > 0)) continue;
      if (!fill()) return end();
    }
    if (const auto length = parser.content_length(); length && parser.is_done()) HF_ASSERT(total == *length);
    out_ += '\n';
    return parser.is_done() && parser.keep_alive();
  }

  std::size_t step_;
  std::string_view left_;
  boost::beast::flat_buffer in_{kHeaderBytes + 4096};
  std::string head_, out_;
};

}  // namespace

/// A connection's bytes through the server's own layers: however they are cut into reads, the same requests with the
/// same bodies come out; and no header is taken that two servers could read differently. The first byte: the cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > (1u << 16)) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  HF_ASSERT(Connection(4096).read(bytes) == Connection(data[0] + 1u).read(bytes));
  return 0;
}
