#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace holdfast::server {

/// A method and a path template: "/v1/flows/{flow}/subjects/{subject}". A last segment "{rest...}" takes what is
/// left of the path as it stands, slashes and all.
struct Route {
  std::string_view method;
  std::string_view path;
  bool head = false;  ///< a GET that answers HEAD too (RFC 9110 §9.3.2)
};

inline constexpr std::size_t kParametersMax = 3;

/// Which route a request goes, and what its path says.
struct Match {
  enum class Outcome : unsigned char { found, no_path, no_method, malformed } outcome = Outcome::no_path;
  std::size_t route = 0;                                 ///< index into the routes, when found
  std::array<std::string, kParametersMax> parameters{};  ///< percent-decoded, in the template's order
  std::string allow{};                                   ///< methods of that path, when no_method
};

/// Finds routes; immutable, so thread-safe. Literal segments are compared as they stand: a path with escapes in
/// them is unknown, which is what a proxy that filters by path expects.
class Router {
 public:
  explicit Router(std::span<const Route> routes);
  /// `target` as in the request line. malformed: not a path, a query, a broken escape, or bytes that are not UTF-8.
  Match match(std::string_view method, std::string_view target) const;

 private:
  struct Compiled {
    std::string_view method;
    bool head = false;
    std::vector<std::string_view> segments;
    bool takes_rest = false;
  };
  std::vector<Compiled> routes_;
};

}  // namespace holdfast::server
