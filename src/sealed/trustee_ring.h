#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <vector>

#include "sealed/run.h"

namespace holdfast::sealed {

/// What a worker is told besides its module.
struct WorkerSettings {
  int core = -1;                                 ///< to stay on; -1: any
  std::uint32_t spin_us = 0;                     ///< to look for a request before it sleeps: for a core of its own
  std::uint64_t memory_bytes_max = 64u << 20;    ///< of one instance's linear memory
  std::uint64_t process_bytes_max = 512u << 20;  ///< of everything writable in the worker, that memory included
  std::uint64_t stack_bytes_max = 1u << 20;      ///< of one instance's calls
};

/// How far a worker has come with its start, and what the kernel gave it.
struct WorkerState {
  ring::Stage stage = ring::Stage::starting;
  std::uint32_t layers = 0;  ///< ring::Layer bits; true until the worker has read its module
  std::string problem;       ///< printable; only when failed
};

/// The trustee's end of a ring. Whatever the worker writes is taken for hostile: each word is read once, checked, and
/// bytes are copied out; an answer that cannot be is an error, and that worker is to be killed.
/// `post` and `wake` from one thread at a time, the others from another one at a time.
class TrusteeRing {
 public:
  /// Errors: unavailable sealed.ring.memory.
  static Result<TrusteeRing> create(const ring::Shape& shape, const WorkerSettings& settings);
  TrusteeRing(TrusteeRing&& from) noexcept;
  ~TrusteeRing();

  /// The shared memory, for the worker. Stays this object's.
  int fd() const { return fd_; }
  WorkerState state() const;
  /// Sleeps until the worker's stage is no longer `seen`, for at most `timeout`.
  void wait_stage(ring::Stage seen, std::chrono::nanoseconds timeout) const;

  bool full() const { return in_flight() == shape_.slots; }
  std::uint32_t in_flight() const { return submitted_.load() - collected_.load(); }
  /// Copies the request into the next slot, which is free, and within the shape's bounds.
  void post(const Request& request);
  /// The same in pieces, for an input that is nowhere whole: first `put` from 0 on, without a gap; then `post` of a
  /// request without input, which counts as having `input_bytes`. What was put large does not stay resident here.
  void put(std::uint64_t at, ByteView piece);
  void post(const Request& request, std::uint32_t input_bytes);
  /// Shows the worker what was posted.
  void wake();

  /// Sleeps until there may be an answer, for at most `timeout`.
  void wait(std::chrono::nanoseconds timeout) const;
  /// The next answer, in the order of the posts; nothing when there is none yet. Its slot is wiped and free again.
  /// Errors: internal sealed.worker.lied.
  Result<std::optional<Answer>> collect();

 private:
  TrusteeRing() = default;
  Result<Answer> read_answer(std::uint32_t sequence);
  void wipe(std::uint8_t* at, std::uint64_t bytes);
  std::uint8_t* slot(std::uint32_t sequence) const { return base_ + ring::slot_offset(shape_, sequence); }

  struct Promise {
    std::uint32_t input_bytes, output_bytes_max;
  };

  int fd_ = -1;
  ring::Shape shape_{};
  std::uint8_t* base_ = nullptr;
  ring::Header* header_ = nullptr;
  std::atomic<std::uint32_t> submitted_{0}, collected_{0};
  std::vector<Promise> promises_;  ///< by slot: the trustee's own memory of what it asked
};

}  // namespace holdfast::sealed
