#include "server/router.h"

#include <boost/url/decode_view.hpp>
#include <boost/url/pct_string_view.hpp>

#include "base/bytes.h"

namespace holdfast::server {
namespace {

constexpr std::size_t kSegmentsMax = 8;

bool is_parameter(std::string_view segment) { return segment.starts_with('{'); }

struct Segments {
  std::array<std::string_view, kSegmentsMax> at;
  std::size_t count = 0;
};

/// Splits what follows the first slash; the last place takes all the rest of a path with too many.
Segments split(std::string_view path) {
  Segments out;
  path.remove_prefix(1);
  while (out.count + 1 < kSegmentsMax) {
    const std::size_t slash = path.find('/');
    out.at[out.count++] = path.substr(0, slash);
    if (slash == std::string_view::npos) return out;
    path.remove_prefix(slash + 1);
  }
  out.at[out.count++] = path;
  return out;
}

bool decode(std::string_view segment, std::string& out) {
  if (segment.find('%') == std::string_view::npos) {
    out.assign(segment);
  } else {
    const auto escaped = boost::urls::make_pct_string_view({segment.data(), segment.size()});
    if (!escaped) return false;
    out.clear();
    out.reserve(segment.size());
    for (const char c : **escaped) out.push_back(c);
  }
  return is_utf8(out) && out.find('\0') == std::string::npos;
}

}  // namespace

Router::Router(std::span<const Route> routes) {
  for (const Route& route : routes) {
    HF_ASSERT(route.path.starts_with('/'));
    Compiled compiled{route.method, route.head, {}, route.path.ends_with("...}")};
    const Segments segments = split(route.path);
    compiled.segments.assign(segments.at.begin(), segments.at.begin() + static_cast<std::ptrdiff_t>(segments.count));
    HF_ASSERT(compiled.segments.size() < kSegmentsMax);
    routes_.push_back(std::move(compiled));
  }
}

Match Router::match(std::string_view method, std::string_view target) const {
  Match match;
  constexpr auto npos = std::string_view::npos;
  // Not find_first_of: it goes a byte at a time, and a target may be as long as the header may be.
  if (!target.starts_with('/') || target.find('?') != npos || target.find('#') != npos) {
    match.outcome = Match::Outcome::malformed;
    return match;
  }
  const Segments given = split(target);
  const auto fits = [&given](const Compiled& route) {
    const std::size_t wanted = route.segments.size();
    if (route.takes_rest ? given.count < wanted : given.count != wanted) return false;
    for (std::size_t i = 0; i < wanted; ++i) {
      const bool good = is_parameter(route.segments[i]) ? !given.at[i].empty() : given.at[i] == route.segments[i];
      if (!good) return false;
    }
    return true;
  };
  for (std::size_t r = 0; r < routes_.size(); ++r) {
    const Compiled& route = routes_[r];
    if (!fits(route)) continue;
    if (route.method != method && !(route.head && method == "HEAD")) {
      match.outcome = Match::Outcome::no_method;
      if (!match.allow.empty()) match.allow += ", ";
      match.allow += route.method;
      if (route.head) match.allow += ", HEAD";
      continue;
    }
    match.route = r;
    std::size_t parameter = 0;
    for (std::size_t i = 0; i < route.segments.size(); ++i) {
      if (!is_parameter(route.segments[i])) continue;
      const bool rest = route.takes_rest && i + 1 == route.segments.size();
      const std::string_view raw =
          rest ? target.substr(static_cast<std::size_t>(given.at[i].data() - target.data())) : given.at[i];
      if (!decode(raw, match.parameters[parameter++])) {
        match.outcome = Match::Outcome::malformed;
        return match;
      }
    }
    match.outcome = Match::Outcome::found;
    match.allow.clear();
    return match;
  }
  return match;
}

}  // namespace holdfast::server
