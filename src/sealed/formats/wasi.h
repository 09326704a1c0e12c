#pragma once

#include <array>
#include <string_view>

#include "sealed/ring/imports.h"

namespace holdfast::sealed {

/// One call that a module may import: what computing needs, and nothing that reaches out.
/// https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md
struct WasiCall {
  std::string_view name;
  std::string_view signature;  ///< parameters, ':', results; i: i32, I: i64
};

/// Those of kWasiImports, with how they are called. Admission refuses a module that imports anything else.
inline constexpr std::array<WasiCall, 6> kWasiCalls{{
    {"clock_res_get", "ii:i"},
    {"clock_time_get", "iIi:i"},
    {"fd_read", "iiii:i"},
    {"fd_write", "iiii:i"},
    {"proc_exit", "i:"},
    {"random_get", "ii:i"},
}};
static_assert(kWasiCalls.size() == kWasiImports.size());
static_assert([] {
  for (std::size_t i = 0; i < kWasiCalls.size(); ++i) {
    if (kWasiCalls[i].name != kWasiImports[i]) return false;
  }
  return true;
}());

}  // namespace holdfast::sealed
