#include "trustee/refusals.h"

#include <chrono>

namespace holdfast::trustee {
namespace {

constexpr std::size_t kKindsMax = 4096;

bool is_refusal(Code code) { return code == Code::refused || code == Code::exhausted || code == Code::unsupported; }

}  // namespace

Refusals::Refusals(Record record) : record_(std::move(record)), thread_([this] { flush_each_second(); }) {}

void Refusals::finish() {
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return;
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
  flush();
}

void Refusals::note(const std::string& party, const std::string& operation, const std::string& flow,
                    const Error& error) {
  if (!is_refusal(error.code)) return;
  const Refusal refusal{party, operation, flow, error.slug};
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = counted_.find(refusal); it != counted_.end()) {
      ++it->second;
      return;
    }
    // More kinds than that within a second: each is recorded by itself.
    if (counted_.size() < kKindsMax) counted_.emplace(refusal, 0);
  }
  record_(refusal, 1);
}

void Refusals::put_back(const Refusal& refusal, std::uint64_t count) {
  const std::lock_guard lock(mutex_);
  counted_[refusal] += count;
}

void Refusals::flush_each_second() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stop_; });
    lock.unlock();
    flush();
    lock.lock();
  }
}

void Refusals::flush() {
  std::map<Refusal, std::uint64_t> counted;
  {
    const std::lock_guard lock(mutex_);
    counted.swap(counted_);
  }
  for (const auto& [refusal, count] : counted) {
    if (count > 0) record_(refusal, count);
  }
}

}  // namespace holdfast::trustee
