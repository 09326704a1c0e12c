#include "server/fields.h"

#include <fmt/compile.h>

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "base/secret.h"

namespace holdfast::server {
namespace {

constexpr std::size_t kIdempotencyKeyBytesMax = 255;

/// Names spans; they are no secret, so one draw from the kernel a thread is enough (splitmix64).
std::uint64_t next_id() {
  thread_local std::uint64_t state = [] {
    std::uint64_t seed = 0;
    random_bytes(&seed, sizeof seed);
    return seed;
  }();
  std::uint64_t z = (state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}
bool is_zeros(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

/// version-trace-parent-flags; a version above 00 may have more behind.
std::string_view trace_id_of(std::string_view text) {
  if (text.size() < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-') return {};
  const std::string_view version = text.substr(0, 2), trace = text.substr(3, 32), parent = text.substr(36, 16);
  if (!is_hex(version) || !is_hex(trace) || !is_hex(parent) || !is_hex(text.substr(53, 2))) return {};
  if (version == "ff" || is_zeros(trace) || is_zeros(parent)) return {};
  if (version == "00" ? text.size() != 55 : text.size() > 55 && text[55] != '-') return {};
  return trace;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

}  // namespace

Trace Trace::of(std::string_view traceparent) {
  const std::string_view given = trace_id_of(traceparent);
  Trace trace;
  trace.id = given.empty() ? fmt::format(FMT_COMPILE("{:016x}{:016x}"), next_id(), next_id() | 1) : std::string(given);
  trace.parent = fmt::format(FMT_COMPILE("00-{}-{:016x}-{}"), trace.id, next_id() | 1,
                             given.empty() ? "00" : traceparent.substr(53, 2));
  return trace;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_etag(std::string_view text) {
  if (text.size() < 3 || text.front() != '"' || text.back() != '"') return std::nullopt;
  return parse_number(text.substr(1, text.size() - 2));
}

std::string to_etag(std::uint64_t version) { return fmt::format(FMT_COMPILE("\"{}\""), version); }

std::string media_type(std::string_view content_type) {
  const std::size_t semicolon = content_type.find(';');
  std::string type = lower(trim(content_type.substr(0, semicolon)));
  if (semicolon == std::string_view::npos) return type;
  const std::string parameters = lower(trim(content_type.substr(semicolon + 1)));
  const bool good = parameters.empty() || parameters == "charset=utf-8" || parameters == "charset=\"utf-8\"" ||
                    parameters == "header=present";  // RFC 4180's own parameter of text/csv
  return good ? type : std::string();
}

Result<std::string> parse_idempotency_key(std::string_view text) {
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
  if (text.empty() || text.size() > kIdempotencyKeyBytesMax || !printable) {
    return fail(Code::invalid, "request.idempotency_key", "Idempotency-Key", "expected 1 to 255 printable characters");
  }
  return std::string(text);
}

}  // namespace holdfast::server
