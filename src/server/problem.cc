#include "server/problem.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/bytes.h"
#include "base/json.h"

namespace holdfast::server {
namespace {

/// What HTTP has a status of its own for.
struct Special {
  std::string_view slug;
  unsigned status;
};
constexpr Special kSpecial[] = {
    {"request.method", 405},       {"request.timeout", 408}, {"request.body.large", 413}, {"request.media", 415},
    {"request.header.large", 431}, {"request.version", 505}, {"request.expect", 417},
};

}  // namespace

unsigned status_of(const Error& error, bool conditional) {
  for (const Special& special : kSpecial) {
    if (special.slug == error.slug) return special.status;
  }
  switch (error.code) {
    case Code::invalid:
      return 400;
    case Code::unauthenticated:
      return 401;
    case Code::refused:
      return 403;
    case Code::not_found:
      return 404;
    case Code::conflict:
      return conditional && error.slug == "vault.record.version" ? 412 : 409;
    case Code::exhausted:
      return 429;
    case Code::corrupt:
      return 500;
    case Code::unavailable:
      return 503;
    case Code::unsupported:
      return 501;
    case Code::internal:
      return 500;
  }
  return 500;
}

bool is_contained_run(const Error& error) { return error.slug.starts_with("sealed.run."); }

int retry_after_s(const Error& error, unsigned status) {
  return status == 429 || status == 503 ? std::max(error.retry_after_s, 1) : 0;
}

std::string_view reason_of(unsigned status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Error";
  }
}

std::string json_string(std::string_view text) {
  std::string out;
  if (is_utf8(text)) {
    append_json_string(out, text);
    return out;
  }
  std::string readable;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x80) {
      readable.push_back(c);
    } else {
      readable += "\xEF\xBF\xBD";
    }
  }
  append_json_string(out, readable);
  return out;
}

std::string problem_json(const Error& error, unsigned status) {
  std::string out =
      fmt::format(R"({{"type":"urn:holdfast:problem:{}","title":"{}","status":{},"detail":{},"code":"{}")", error.slug,
                  reason_of(status), status, json_string(error.what), error.slug);
  if (!error.where.empty()) out += fmt::format(R"(,"where":{})", json_string(error.where));
  out += "}\n";
  return out;
}

}  // namespace holdfast::server
