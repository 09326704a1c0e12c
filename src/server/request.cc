#include "server/request.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <cctype>

#include "server/fields.h"

namespace holdfast::server {

namespace http = boost::beast::http;

namespace {

constexpr http::field kOnce[] = {
    http::field::authorization, http::field::content_length,   http::field::transfer_encoding,
    http::field::content_type,  http::field::content_encoding, http::field::expect,
    http::field::if_match,      http::field::if_none_match,
};

tl::unexpected<Error> malformed(std::string where, std::string what) {
  return fail(Code::invalid, "request.malformed", std::move(where), std::move(what));
}

Error other_version() { return {Code::invalid, "request.version", "", "only HTTP/1.1 is spoken here"}; }

/// Is the request line sound but for its version? The parser says of the line's end too that its version is bad.
bool names_other_version(std::string_view header) {
  std::string_view line = header.substr(0, header.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  constexpr std::string_view kName = " HTTP/";
  const std::size_t at = line.rfind(kName);
  if (at == std::string_view::npos) return false;
  const std::string_view version = line.substr(at + kName.size());
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return version.size() == 3 && is_digit(version[0]) && version[1] == '.' && is_digit(version[2]) && version != "1.1";
}

/// The characters of RFC 3986's host and port; whoever routes by another reading of it is told apart here. May be empty
/// (RFC 9112 §3.2).
bool is_host(std::string_view value) {
  return std::ranges::all_of(value, [](unsigned char c) {
    return std::isalnum(c) ||
           std::string_view("-._~%!$&'()*+,;=:[]").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

}  // namespace

Result<void> check_lines(std::string_view taken) {
  const bool folded = taken.find("\n ") != std::string_view::npos || taken.find("\n\t") != std::string_view::npos;
  if (folded) return malformed("", "a field must stand in one line; folded lines are not taken");
  return {};
}

Result<void> check_header(const http::request_header<>& header) {
  if (header.version() != 11) return tl::unexpected<Error>(other_version());
  if (header.count(http::field::host) != 1) return malformed("Host", "a request must have exactly one Host field");
  const auto host = header[http::field::host];
  if (!is_host({host.data(), host.size()}))
    return malformed("Host", "this is no name or address, and no port behind it");
  for (const http::field name : kOnce) {
    if (header.count(name) > 1) return malformed(http::to_string(name), "this field may be there only once");
  }
  if (header.count("Idempotency-Key") > 1) return malformed("Idempotency-Key", "this field may be there only once");
  const bool chunked = header.count(http::field::transfer_encoding) > 0;
  if (chunked && header.count(http::field::content_length) > 0) {
    return malformed("Content-Length", "a body has a length or comes in chunks, not both");
  }
  if (chunked && !boost::beast::iequals(header[http::field::transfer_encoding], "chunked")) {
    return malformed("Transfer-Encoding", "only chunked is taken");
  }
  if (const auto length = header.find(http::field::content_length); length != header.end()) {
    if (!parse_number({length->value().data(), length->value().size()})) {
      return malformed("Content-Length", "expected a whole number");
    }
  }
  if (const auto expect = header.find(http::field::expect); expect != header.end()) {
    if (!boost::beast::iequals(expect->value(), "100-continue")) {
      return fail(Code::invalid, "request.expect", "Expect", "only 100-continue can be expected");
    }
  }
  return {};
}

bool is_cut_last_chunk(std::string_view begin) {
  constexpr std::string_view kLast = "0\r\n\r\n";
  return begin.size() < kLast.size() && begin.starts_with('0');
}

Error parse_error(const boost::system::error_code& error, std::string_view header) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return {Code::invalid, "request.header.large", "",
            "the request's header is larger than this server takes; send fewer or shorter fields"};
  }
  if (error == http::error::bad_version && names_other_version(header)) return other_version();
  return {Code::invalid, "request.malformed", "", "this is not an HTTP/1.1 request (" + error.message() + ")"};
}

}  // namespace holdfast::server
