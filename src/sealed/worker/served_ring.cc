#include "sealed/worker/served_ring.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "sealed/ring/futex.h"
#include "sealed/worker/watch.h"

namespace holdfast::sealed::worker {

ServedRing ServedRing::map(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || status.st_size < ring::kPageBytes) ::_exit(2);
  void* base = ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) ::_exit(2);
  ::close(fd);
  ServedRing out;
  out.base_ = static_cast<std::uint8_t*>(base);
  out.header_ = reinterpret_cast<ring::Header*>(base);
  if (out.header_->version != ring::kVersion) ::_exit(2);
  return out;
}

void ServedRing::report(ring::Stage stage, std::uint32_t layers) {
  header_->layers.store(layers, std::memory_order_relaxed);
  header_->stage.store(static_cast<std::uint32_t>(stage), std::memory_order_release);
  ring::futex_wake(header_->stage);
}

void ServedRing::report_problem(std::string_view problem) {
  const std::size_t bytes = std::min<std::size_t>(problem.size(), ring::kProblemBytesMax);
  std::memcpy(header_->problem, problem.data(), bytes);
  header_->problem_bytes.store(static_cast<std::uint32_t>(bytes), std::memory_order_relaxed);
  report(ring::Stage::failed, header_->layers.load(std::memory_order_relaxed));
}

bool ServedRing::has_next() const { return header_->submitted.load(std::memory_order_acquire) != taken_; }

bool ServedRing::wait(std::chrono::nanoseconds timeout) {
  const std::uint64_t spin_until_us = header_->spin_us == 0 ? 0 : Watch::now_us() + header_->spin_us;
  while (!has_next()) {
    if (spin_until_us != 0 && Watch::now_us() < spin_until_us) {
      __builtin_ia32_pause();
      continue;
    }
    ring::sleep_while(header_->submitted, taken_, header_->worker_waits, timeout);
    return has_next();
  }
  return true;
}

const ring::RequestHead& ServedRing::request() const { return *reinterpret_cast<const ring::RequestHead*>(slot()); }

std::span<const std::uint8_t> ServedRing::input() const {
  return {slot() + ring::input_offset(header_->shape), request().input_bytes};
}

std::span<std::uint8_t> ServedRing::output() const {
  return {slot() + ring::output_offset(header_->shape), request().output_bytes_max};
}

std::span<std::uint8_t> ServedRing::log() const { return {slot() + ring::log_offset(), header_->shape.log_bytes_max}; }

void ServedRing::answer(const ring::ResponseHead& response) {
  std::memcpy(slot() + ring::kResponseOffset, &response, sizeof response);
  ++taken_;
  ring::publish(header_->completed, taken_, header_->trustee_waits);
}

}  // namespace holdfast::sealed::worker
