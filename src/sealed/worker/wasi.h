#pragma once

#include <cstdint>
#include <span>

#include "sealed/ring/layout.h"

namespace holdfast::sealed::worker {

/// One request as the module sees it. The spans lie in the ring; nothing is owned.
struct Run {
  std::span<const std::uint8_t> input, context;
  std::span<std::uint8_t> output, log;  ///< as much as it may write
  std::uint64_t time_ns = 0;
  const std::uint8_t* seed = nullptr;  ///< 32 bytes

  std::size_t read = 0;  ///< of input and context together
  std::size_t written = 0, logged = 0;
  std::uint64_t random_calls = 0;
  bool log_cut = false;
  bool exited = false, too_much_output = false, overran = false;
  std::int32_t exit_code = 0;
};

/// WASI's numbers for errors.
enum class Errno : std::int32_t { success = 0, badf = 8, fault = 21, inval = 28 };

/// The WASI calls over one instance's memory: whatever the module passes is checked against `memory`.
/// Bytes are little-endian, as wasm has them and as this is only built for.
class Wasi {
 public:
  Wasi(Run& run, std::span<std::uint8_t> memory) : run_(run), memory_(memory) {}

  Errno fd_read(std::uint32_t fd, std::uint32_t vectors, std::uint32_t count, std::uint32_t read_at);
  /// `fits` turns false when the output is full: the run must end.
  Errno fd_write(std::uint32_t fd, std::uint32_t vectors, std::uint32_t count, std::uint32_t written_at, bool& fits);
  Errno clock_time_get(std::uint32_t clock, std::uint32_t time_at);
  Errno clock_res_get(std::uint32_t clock, std::uint32_t resolution_at);
  Errno random_get(std::uint32_t at, std::uint32_t bytes);

 private:
  /// Empty and false when it does not lie in memory whole.
  bool range(std::uint32_t at, std::uint64_t bytes, std::span<std::uint8_t>& out) const;
  bool put(std::uint32_t at, const void* value, std::size_t bytes) const;
  bool vector(std::uint32_t vectors, std::uint32_t index, std::span<std::uint8_t>& out) const;

  Run& run_;
  std::span<std::uint8_t> memory_;
};

}  // namespace holdfast::sealed::worker
