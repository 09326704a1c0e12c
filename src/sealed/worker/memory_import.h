#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace holdfast::sealed::worker {

inline constexpr const char* kMemoryImportModule = "holdfast";
inline constexpr const char* kMemoryImportName = "memory";
inline constexpr std::uint64_t kWasmPageBytes = 65536;

/// Of the memory that every run of a module gets, in pages of 64 KiB.
struct MemoryLimits {
  std::uint32_t initial = 0, maximum = 0;
};

/// The module with its memory imported instead of its own, so that runs can be handed the same one, emptied: making one
/// costs more than all else about a short run. It has at most `memory_bytes_max`, so that memory.grow fails at the same
/// size in every run, however full the worker is; and a little more at its start than the module asked for, since one
/// that has grown is not used again. The rest is the same, byte for byte; what is no module comes back as it is, for
/// the engine to refuse (`limits.maximum` is then 0). False, with a sentence in `problem`, when it wants more from the
/// start. Source: WebAssembly core 1.1, binary format, import and memory sections.
bool import_memory(std::span<const std::uint8_t> module, std::uint64_t memory_bytes_max, std::vector<std::uint8_t>& out,
                   MemoryLimits& limits, std::string& problem);

}  // namespace holdfast::sealed::worker
