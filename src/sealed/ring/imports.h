#pragma once

#include <array>
#include <string_view>

/// The WASI calls that a module may import (https://github.com/WebAssembly/WASI, preview 1): what computing needs, and
/// nothing that reaches out. Admission refuses a module that imports anything else; the worker links nothing else.
namespace holdfast::sealed {

inline constexpr std::string_view kWasiModule = "wasi_snapshot_preview1";

inline constexpr std::array<std::string_view, 6> kWasiImports{
    "clock_res_get",   // 1 ms, always
    "clock_time_get",  // the request's time, for every clock and all along the run
    "fd_read",         // 0: the request's input, then the module's context
    "fd_write",        // 1: the output; 2: the log
    "proc_exit",
    "random_get",  // ChaCha20 under the request's seed
};

}  // namespace holdfast::sealed
