#pragma once

#include <atomic>
#include <cstdint>

/// What a worker and the trustee share: one memory file for each worker, written by both. Requests lie in slots, are
/// taken in order and answered in order, so two counters say everything about who owns a slot: the trustee those
/// outside [completed, submitted), the worker those inside. The trustee never reads back what it wrote, and takes each
/// word of the worker's once (`sealed/trustee_ring.h`): whatever lies here may be a lie.
namespace holdfast::sealed::ring {

inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::uint32_t kPageBytes = 4096;
inline constexpr std::uint32_t kSlotsMax = 256;
/// Of what an engine, a module's compiler or the jail had to say before the worker was ready.
inline constexpr std::uint32_t kProblemBytesMax = 512;
/// The worker finds these two descriptors open, and no others.
inline constexpr int kRingFd = 3, kControlFd = 4;

/// How far a worker has come. `jailed` comes before it has read a byte of the module.
enum class Stage : std::uint32_t { starting, jailed, ready, failed };

/// How a run ended.
enum class Ending : std::uint32_t {
  finished,          ///< returned from `_start` or called proc_exit; see exit_code
  trapped,           ///< see Trap
  stack_exhausted,   ///< recursed too deep
  time_exhausted,    ///< was stopped at its time limit
  output_exhausted,  ///< wrote more than it may
  engine_refused,    ///< the engine could not make an instance or ran out of memory of its own
};
inline constexpr std::uint32_t kEndings = 6;

enum class Trap : std::uint32_t {
  none,
  unreachable,
  out_of_bounds,
  integer_overflow,
  division_by_zero,
  invalid_conversion,
  indirect_call,
  other
};
inline constexpr std::uint32_t kTraps = 8;

/// The layers of a jail, as bits.
enum Layer : std::uint32_t {
  kUserNamespace = 1u << 0,
  kMountNamespace = 1u << 1,  ///< its root is empty and read-only
  kNetworkNamespace = 1u << 2,
  kPidNamespace = 1u << 3,
  kIpcNamespace = 1u << 4,
  kNoNewPrivileges = 1u << 5,
  kLandlock = 1u << 6,
  kSeccomp = 1u << 7,
  kNoDescriptors = 1u << 8,  ///< none open but the control pipe, and none can be opened
  kMemoryLimit = 1u << 9,
  kNoCoreFiles = 1u << 10,
  kDiesWithParent = 1u << 11,
};
inline constexpr std::uint32_t kAllLayers = (1u << 12) - 1;

/// Sizes, fixed when the ring is made.
struct Shape {
  std::uint32_t slots;             ///< a power of two, at most kSlotsMax
  std::uint32_t input_bytes_max;   ///< of one request
  std::uint32_t output_bytes_max;  ///< of one request
  std::uint32_t log_bytes_max;     ///< of what one run may write to its stderr
};

/// The first page. All but `completed`, `worker_waits` and the last group is the trustee's to write.
struct Header {
  std::uint32_t version;
  Shape shape;
  std::int32_t core;                ///< to stay on; -1: any
  std::uint32_t spin_us;            ///< to look for a request before sleeping
  std::uint64_t memory_bytes_max;   ///< of one instance's linear memory
  std::uint64_t process_bytes_max;  ///< of all that the worker may have writable
  std::uint64_t stack_bytes_max;    ///< for wasm frames

  alignas(64) std::atomic<std::uint32_t> submitted;
  alignas(64) std::atomic<std::uint32_t> trustee_waits;
  alignas(64) std::atomic<std::uint32_t> completed;
  alignas(64) std::atomic<std::uint32_t> worker_waits;

  alignas(64) std::atomic<std::uint32_t> stage;  ///< Stage
  std::atomic<std::uint32_t> layers;             ///< Layer bits, once jailed
  std::atomic<std::uint32_t> problem_bytes;
  char problem[kProblemBytesMax];
};
static_assert(sizeof(Header) <= kPageBytes);

struct RequestHead {
  std::uint32_t sequence;
  std::uint32_t input_bytes;
  std::uint32_t output_bytes_max;
  std::uint32_t run_us_max;
  std::uint64_t time_ns;  ///< what every clock shows, since 1970
  std::uint8_t seed[32];  ///< of random_get
};

struct ResponseHead {
  std::uint32_t sequence;
  std::uint32_t ending;  ///< Ending
  std::uint32_t trap;    ///< Trap
  std::int32_t exit_code;
  std::uint32_t output_bytes;
  std::uint32_t log_bytes;
  std::uint32_t log_cut;  ///< 1: it wrote more to stderr than is kept
  std::uint32_t run_us;
};

/// A slot: the two heads in one page, then log, output and input, each from a page's start.
inline constexpr std::uint64_t kResponseOffset = 512;
static_assert(sizeof(RequestHead) <= kResponseOffset);

constexpr std::uint64_t whole_pages(std::uint64_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes; }
constexpr std::uint64_t log_offset() { return kPageBytes; }
constexpr std::uint64_t output_offset(const Shape& shape) { return log_offset() + whole_pages(shape.log_bytes_max); }
constexpr std::uint64_t input_offset(const Shape& shape) {
  return output_offset(shape) + whole_pages(shape.output_bytes_max);
}
constexpr std::uint64_t slot_bytes(const Shape& shape) {
  return input_offset(shape) + whole_pages(shape.input_bytes_max);
}
constexpr std::uint64_t slot_offset(const Shape& shape, std::uint32_t sequence) {
  return kPageBytes + (sequence & (shape.slots - 1)) * slot_bytes(shape);
}
constexpr std::uint64_t ring_bytes(const Shape& shape) { return kPageBytes + shape.slots * slot_bytes(shape); }

/// What the control pipe carries, once: this, then the module, then the context.
struct ModuleHead {
  std::uint32_t module_bytes;
  std::uint32_t context_bytes;
};

}  // namespace holdfast::sealed::ring
