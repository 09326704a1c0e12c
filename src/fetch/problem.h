#pragma once

#include <string>
#include <string_view>

namespace holdfast::fetch {

/// What a server says of its failure (RFC 9457, with its own members `code` and `where`); empty what it does not say.
struct Problem {
  std::string code, detail, where;
};
/// Of an answer's body, whatever it is.
Problem read_problem(std::string_view body);

}  // namespace holdfast::fetch
