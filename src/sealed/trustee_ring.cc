#include "sealed/trustee_ring.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "sealed/ring/futex.h"

namespace holdfast::sealed {
namespace {

constexpr std::uint64_t kPunchedFromBytes = 1u << 20;  // above, giving pages back is cheaper than writing zeros

/// A copy that the compiler cannot take back to the shared memory for a second look.
template <class T>
T read_once(const std::uint8_t* at) {
  static_assert(sizeof(T) % sizeof(std::uint32_t) == 0 && alignof(T) >= alignof(std::uint32_t));
  std::uint32_t words[sizeof(T) / sizeof(std::uint32_t)];
  const auto* from = reinterpret_cast<const volatile std::uint32_t*>(at);
  for (std::size_t i = 0; i < std::size(words); ++i) words[i] = from[i];
  T out;
  std::memcpy(&out, words, sizeof out);
  return out;
}

tl::unexpected<Error> lied(const char* about) {
  return fail(Code::internal, "sealed.worker.lied", "",
              std::string("a worker wrote ") + about + " that cannot be; it is replaced");
}

}  // namespace

Result<TrusteeRing> TrusteeRing::create(const ring::Shape& shape, const WorkerSettings& settings) {
  HF_ASSERT(std::has_single_bit(shape.slots) && shape.slots <= ring::kSlotsMax);
  const auto bytes = ring::ring_bytes(shape);
  TrusteeRing out;
  out.fd_ = ::memfd_create("holdfast-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  void* base = MAP_FAILED;
  if (out.fd_ >= 0 && ::ftruncate(out.fd_, static_cast<off_t>(bytes)) == 0 &&
      ::fcntl(out.fd_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
    base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, out.fd_, 0);
  }
  if (base == MAP_FAILED) {
    return fail(Code::unavailable, "sealed.ring.memory", "",
                std::string("no shared memory for a worker's ring: ") + std::strerror(errno));
  }
  ::madvise(base, bytes, MADV_DONTDUMP);
  out.shape_ = shape;
  out.base_ = static_cast<std::uint8_t*>(base);
  out.header_ = new (base) ring::Header{};
  out.header_->version = ring::kVersion;
  out.header_->shape = shape;
  out.header_->core = settings.core;
  out.header_->spin_us = settings.spin_us;
  out.header_->memory_bytes_max = settings.memory_bytes_max;
  out.header_->process_bytes_max = settings.process_bytes_max;
  out.header_->stack_bytes_max = settings.stack_bytes_max;
  out.promises_.resize(shape.slots);
  return out;
}

TrusteeRing::TrusteeRing(TrusteeRing&& from) noexcept
    : fd_(std::exchange(from.fd_, -1)),
      shape_(from.shape_),
      base_(std::exchange(from.base_, nullptr)),
      header_(from.header_),
      submitted_(from.submitted_.load()),
      collected_(from.collected_.load()),
      promises_(std::move(from.promises_)) {}

TrusteeRing::~TrusteeRing() {
  if (base_ != nullptr) ::munmap(base_, ring::ring_bytes(shape_));
  if (fd_ >= 0) ::close(fd_);
}

WorkerState TrusteeRing::state() const {
  WorkerState out;
  const std::uint32_t stage = header_->stage.load(std::memory_order_acquire);
  out.stage =
      stage <= static_cast<std::uint32_t>(ring::Stage::failed) ? static_cast<ring::Stage>(stage) : ring::Stage::failed;
  out.layers = header_->layers.load(std::memory_order_relaxed) & ring::kAllLayers;
  if (out.stage != ring::Stage::failed) return out;
  const std::uint32_t bytes = std::min(header_->problem_bytes.load(std::memory_order_relaxed), ring::kProblemBytesMax);
  out.problem.assign(header_->problem, bytes);
  std::replace_if(
      out.problem.begin(), out.problem.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

void TrusteeRing::wait_stage(ring::Stage seen, std::chrono::nanoseconds timeout) const {
  ring::futex_wait(header_->stage, static_cast<std::uint32_t>(seen), timeout);
}

void TrusteeRing::post(const Request& request) {
  put(0, request.input);
  post(request, static_cast<std::uint32_t>(request.input.size()));
}

void TrusteeRing::put(std::uint64_t at, ByteView piece) {
  HF_ASSERT(!full() && at <= shape_.input_bytes_max && piece.size() <= shape_.input_bytes_max - at);
  std::uint8_t* const to = slot(submitted_.load()) + ring::input_offset(shape_) + at;
  std::memcpy(to, piece.data(), piece.size());
  if (piece.size() < kPunchedFromBytes) return;
  // The pages stay in the shared memory; only this process lets go of them.
  const auto whole = (ring::kPageBytes - at % ring::kPageBytes) % ring::kPageBytes;
  ::madvise(to + whole, (piece.size() - whole) / ring::kPageBytes * ring::kPageBytes, MADV_DONTNEED);
}

void TrusteeRing::post(const Request& request, std::uint32_t input_bytes) {
  const std::uint32_t sequence = submitted_.load();
  HF_ASSERT(!full() && input_bytes <= shape_.input_bytes_max && request.output_bytes_max <= shape_.output_bytes_max);
  ring::RequestHead head{};
  head.sequence = sequence;
  head.input_bytes = input_bytes;
  head.output_bytes_max = request.output_bytes_max;
  head.run_us_max = static_cast<std::uint32_t>(request.run_max.count());
  head.time_ns = request.time_ns;
  std::copy(request.seed.begin(), request.seed.end(), head.seed);
  std::memcpy(slot(sequence), &head, sizeof head);
  promises_[sequence & (shape_.slots - 1)] = {head.input_bytes, head.output_bytes_max};
  submitted_.store(sequence + 1);
}

void TrusteeRing::wake() { ring::publish(header_->submitted, submitted_.load(), header_->worker_waits); }

void TrusteeRing::wait(std::chrono::nanoseconds timeout) const {
  ring::sleep_while(header_->completed, collected_.load(), header_->trustee_waits, timeout);
}

Result<std::optional<Answer>> TrusteeRing::collect() {
  const std::uint32_t sequence = collected_.load();
  const std::uint32_t answered = header_->completed.load(std::memory_order_acquire) - sequence;
  if (answered == 0) return std::optional<Answer>();
  if (answered > in_flight()) return lied("a count of answers");
  HF_TRY(auto answer, read_answer(sequence));
  collected_.store(sequence + 1);
  return std::optional(std::move(answer));
}

Result<Answer> TrusteeRing::read_answer(std::uint32_t sequence) {
  const Promise promise = promises_[sequence & (shape_.slots - 1)];
  std::uint8_t* at = slot(sequence);
  const auto head = read_once<ring::ResponseHead>(at + ring::kResponseOffset);
  if (head.sequence != sequence) return lied("an answer to another request");
  if (head.ending >= ring::kEndings || head.trap >= ring::kTraps || head.log_cut > 1) return lied("an ending");
  if (head.output_bytes > promise.output_bytes_max) return lied("an output");
  if (head.log_bytes > shape_.log_bytes_max) return lied("a log");
  Answer out;
  out.ending = static_cast<Ending>(head.ending);
  out.trap = static_cast<Trap>(head.trap);
  out.exit_code = head.exit_code;
  out.log_cut = head.log_cut == 1;
  out.took = std::chrono::microseconds(head.run_us);
  if ((out.ending == Ending::trapped) != (out.trap != Trap::none)) return lied("a trap");
  std::uint8_t* output = at + ring::output_offset(shape_);
  std::uint8_t* log = at + ring::log_offset();
  if (out.good()) out.output.assign(reinterpret_cast<const char*>(output), head.output_bytes);
  out.log.assign(reinterpret_cast<const char*>(log), head.log_bytes);
  wipe(output, head.output_bytes);
  wipe(log, head.log_bytes);
  wipe(at + ring::input_offset(shape_), promise.input_bytes);
  wipe(at, sizeof(ring::RequestHead));
  return out;
}

/// What a request brought is not for the next one to find.
void TrusteeRing::wipe(std::uint8_t* at, std::uint64_t bytes) {
  if (bytes >= kPunchedFromBytes && ::madvise(at, ring::whole_pages(bytes), MADV_REMOVE) == 0) return;
  std::memset(at, 0, bytes);
}

}  // namespace holdfast::sealed
