#pragma once

#include <array>
#include <string_view>

namespace holdfast::sealed {

inline constexpr std::string_view kWasiModule = "wasi_snapshot_preview1";

/// One call that a module may import: what computing needs, and nothing that reaches out.
/// https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md
struct WasiCall {
  std::string_view name;
  std::string_view signature;  ///< parameters, ':', results; i: i32, I: i64
};

/// All there are, in order. Admission refuses a module that imports anything else; the worker links these.
inline constexpr std::array<WasiCall, 6> kWasiCalls{{
    {"clock_res_get", "ii:i"},
    {"clock_time_get", "iIi:i"},
    {"fd_read", "iiii:i"},
    {"fd_write", "iiii:i"},
    {"proc_exit", "i:"},
    {"random_get", "ii:i"},
}};
}  // namespace holdfast::sealed
