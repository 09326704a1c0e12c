#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

#include "sealed/ring/layout.h"

namespace holdfast::sealed::worker {

/// The worker's end of its ring. It trusts the trustee: what it reads it does not check.
class ServedRing {
 public:
  /// Maps the ring that lies behind `fd`, and closes that. The process ends when there is none.
  static ServedRing map(int fd);

  const ring::Header& header() const { return *header_; }
  /// Says how far this worker has come.
  void report(ring::Stage stage, std::uint32_t layers);
  void report_problem(std::string_view problem);

  /// Waits for the next request; the first `spin_us` of that without sleeping. False when none came within `timeout`.
  bool wait(std::chrono::nanoseconds timeout);
  /// Is there one, without waiting?
  bool has_next() const;

  /// The request that was waited for. Valid until `answer`.
  const ring::RequestHead& request() const;
  std::span<const std::uint8_t> input() const;
  std::span<std::uint8_t> output() const;
  std::span<std::uint8_t> log() const;
  void answer(const ring::ResponseHead& response);

 protected:
  std::uint8_t* slot() const { return base_ + ring::slot_offset(header_->shape, taken_); }

  std::uint8_t* base_ = nullptr;
  ring::Header* header_ = nullptr;
  std::uint32_t taken_ = 0;  ///< requests answered so far
};

}  // namespace holdfast::sealed::worker
