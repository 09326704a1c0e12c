#include "verify/pipeline.h"

#include <algorithm>

namespace holdfast::verify {

Pipeline::Pipeline(unsigned threads, std::uint64_t first, std::uint64_t end, Job job)
    : end_(end), window_(4 * std::uint64_t{threads}), job_(std::move(job)), claimed_(first), taken_(first) {
  for (unsigned i = 1; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Pipeline::~Pipeline() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  room_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Pipeline::claim(std::unique_lock<std::mutex>& lock) {
  const std::uint64_t number = claimed_++;
  lock.unlock();
  auto bundle = job_(number);
  lock.lock();
  done_.emplace(number, std::move(bundle));
}

void Pipeline::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    room_.wait(lock, [this] { return stopping_ || claimed_ == end_ || claimed_ < taken_ + window_; });
    if (stopping_ || claimed_ == end_) return;
    claim(lock);
    ready_.notify_one();
  }
}

Result<Bundle> Pipeline::next() {
  std::unique_lock lock(mutex_);
  HF_ASSERT(taken_ < end_);
  // Rather than wait for the others, the reader does a job itself; alone, it does all of them, and no thread is woken.
  while (!done_.contains(taken_) && claimed_ < std::min(end_, taken_ + window_)) claim(lock);
  ready_.wait(lock, [this] { return done_.contains(taken_); });
  auto bundle = std::move(done_.extract(taken_).mapped());
  ++taken_;
  if (!threads_.empty()) room_.notify_all();
  return bundle;
}

}  // namespace holdfast::verify
