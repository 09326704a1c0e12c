#include "base/result.h"

#include <cstdio>
#include <cstdlib>

namespace holdfast {

std::string Error::text() const {
  std::string out = where.empty() ? what : where + ": " + what;
  out += " [";
  out += slug;
  out += ']';
  return out;
}

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "holdfast: a promise inside the program is broken: %s at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace holdfast
