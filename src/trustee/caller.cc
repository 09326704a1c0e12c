#include "trustee/caller.h"

#include <optional>

#include "base/bytes.h"

namespace holdfast::trustee {
namespace {

constexpr std::size_t kUriBytesMax = 2048;  // SPIFFE ID §2.3
constexpr std::string_view kScheme = "spiffe://";

tl::unexpected<Error> unknown(std::string what) {
  return fail(Code::unauthenticated, "caller.unknown", "", std::move(what));
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// RFC 3986 pchar, without the percent sign.
bool is_plain(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("-._~!$&'()*+,;=:@").find(c) != std::string_view::npos;
}

/// One path segment; nothing for a character that must be escaped, a broken escape, or bytes that are not text.
std::optional<std::string> decode_segment(std::string_view segment) {
  std::string out;
  out.reserve(segment.size());
  for (std::size_t i = 0; i < segment.size(); ++i) {
    char c = segment[i];
    if (c == '%') {
      if (segment.size() - i < 3) return std::nullopt;
      const int high = hex_value(segment[i + 1]), low = hex_value(segment[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high << 4 | low);
      i += 2;
    } else if (!is_plain(c)) {
      return std::nullopt;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return std::nullopt;
    out.push_back(c);
  }
  if (!is_utf8(out)) return std::nullopt;
  return out;
}

}  // namespace

Result<Caller> Caller::from_spiffe(std::string_view uri, std::string_view trust_domain) {
  if (uri.size() > kUriBytesMax) return unknown("the certificate's URI is longer than 2048 bytes");
  std::string_view rest = uri;
  if (!rest.starts_with(kScheme)) return unknown("the certificate's URI does not begin with spiffe://");
  rest.remove_prefix(kScheme.size());
  if (!rest.starts_with(trust_domain) || rest.substr(trust_domain.size(), 1) != "/") {
    return unknown("the certificate's URI is not of this server's trust domain");
  }
  rest.remove_prefix(trust_domain.size() + 1);
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos)
    return unknown("the certificate's URI must end in /party/<name> or /subject/<id>");
  const std::string_view kind = rest.substr(0, slash);
  auto name = decode_segment(rest.substr(slash + 1));
  if (!name || name->empty()) return unknown("the name in the certificate's URI is empty or not well encoded");
  if (kind == "party") return Caller{Kind::party, std::move(*name)};
  if (kind == "subject") return Caller{Kind::subject, std::move(*name)};
  return unknown("the certificate's URI must end in /party/<name> or /subject/<id>");
}

}  // namespace holdfast::trustee
