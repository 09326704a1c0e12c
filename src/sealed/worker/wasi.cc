#include "sealed/worker/wasi.h"

#include <sodium.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace holdfast::sealed::worker {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::uint32_t kVectorsMax = 1024;  // as Linux has it for readv
constexpr std::uint32_t kClocks = 4;         // realtime, monotonic, process, thread
constexpr std::uint64_t kResolutionNs = 1'000'000;

/// The next bytes of the input or, when that is read, of the context; how many.
std::size_t pull(Run& run, std::span<std::uint8_t> to) {
  const bool of_input = run.read < run.input.size();
  const auto from = of_input ? run.input.subspan(run.read) : run.context.subspan(run.read - run.input.size());
  const std::size_t bytes = std::min(to.size(), from.size());
  if (bytes != 0) std::memcpy(to.data(), from.data(), bytes);
  run.read += bytes;
  return bytes;
}

}  // namespace

bool Wasi::range(std::uint32_t at, std::uint64_t bytes, std::span<std::uint8_t>& out) const {
  if (bytes > memory_.size() || at > memory_.size() - bytes) return false;
  out = memory_.subspan(at, bytes);
  return true;
}

bool Wasi::put(std::uint32_t at, const void* value, std::size_t bytes) const {
  std::span<std::uint8_t> out;
  if (!range(at, bytes, out)) return false;
  std::memcpy(out.data(), value, bytes);
  return true;
}

bool Wasi::vector(std::uint32_t vectors, std::uint32_t index, std::span<std::uint8_t>& out) const {
  const std::uint64_t at = vectors + std::uint64_t{index} * 8;
  std::span<std::uint8_t> entry;
  if (at > UINT32_MAX || !range(static_cast<std::uint32_t>(at), 8, entry)) return false;
  std::uint32_t where, bytes;
  std::memcpy(&where, entry.data(), 4);
  std::memcpy(&bytes, entry.data() + 4, 4);
  return range(where, bytes, out);
}

Errno Wasi::fd_read(std::uint32_t fd, std::uint32_t vectors, std::uint32_t count, std::uint32_t read_at) {
  if (fd != 0) return Errno::badf;
  if (count > kVectorsMax) return Errno::inval;
  std::uint32_t total = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    std::span<std::uint8_t> to;
    if (!vector(vectors, i, to)) return Errno::fault;
    std::size_t taken = 0;
    while (!to.empty() && (taken = pull(run_, to)) != 0) {
      to = to.subspan(taken);
      total += static_cast<std::uint32_t>(taken);
    }
    if (!to.empty()) break;
  }
  return put(read_at, &total, sizeof total) ? Errno::success : Errno::fault;
}

Errno Wasi::fd_write(std::uint32_t fd, std::uint32_t vectors, std::uint32_t count, std::uint32_t written_at,
                     bool& fits) {
  if (fd != 1 && fd != 2) return Errno::badf;
  if (count > kVectorsMax) return Errno::inval;
  std::uint64_t total = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    std::span<std::uint8_t> from;
    if (!vector(vectors, i, from)) return Errno::fault;
    const auto to = fd == 1 ? run_.output : run_.log;
    std::size_t& used = fd == 1 ? run_.written : run_.logged;
    const std::size_t taken = std::min(from.size(), to.size() - used);
    if (taken != 0) std::memcpy(to.data() + used, from.data(), taken);
    used += taken;
    if (taken < from.size()) {
      if (fd == 1) {
        run_.too_much_output = true;
        fits = false;
        return Errno::success;
      }
      run_.log_cut = true;
    }
    total += from.size();
    if (total > UINT32_MAX) return Errno::inval;
  }
  const auto told = static_cast<std::uint32_t>(total);
  return put(written_at, &told, sizeof told) ? Errno::success : Errno::fault;
}

Errno Wasi::clock_time_get(std::uint32_t clock, std::uint32_t time_at) {
  if (clock >= kClocks) return Errno::inval;
  return put(time_at, &run_.time_ns, sizeof run_.time_ns) ? Errno::success : Errno::fault;
}

Errno Wasi::clock_res_get(std::uint32_t clock, std::uint32_t resolution_at) {
  if (clock >= kClocks) return Errno::inval;
  return put(resolution_at, &kResolutionNs, sizeof kResolutionNs) ? Errno::success : Errno::fault;
}

Errno Wasi::random_get(std::uint32_t at, std::uint32_t bytes) {
  std::span<std::uint8_t> out;
  if (!range(at, bytes, out)) return Errno::fault;
  std::uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
  static_assert(sizeof nonce == sizeof run_.random_calls);
  std::memcpy(nonce, &run_.random_calls, sizeof nonce);
  ++run_.random_calls;
  crypto_stream_chacha20(out.data(), out.size(), nonce, run_.seed);
  return Errno::success;
}

}  // namespace holdfast::sealed::worker
