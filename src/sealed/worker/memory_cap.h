#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace holdfast::sealed::worker {

/// The module with its memory's maximum set to at most `memory_bytes_max`, so that memory.grow fails at the same size
/// in every run, however full the worker is. The rest is the same, byte for byte; what is no module comes back as it
/// is, for the engine to refuse. False, with a sentence in `problem`, when it wants more from the start.
/// Source: WebAssembly core 1.1, binary format, memory section.
bool cap_memory(std::span<const std::uint8_t> module, std::uint64_t memory_bytes_max, std::vector<std::uint8_t>& out,
                std::string& problem);

}  // namespace holdfast::sealed::worker
