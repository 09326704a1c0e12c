#include "trustee/refusals.h"

#include <chrono>

namespace holdfast::trustee {
namespace {

constexpr std::size_t kKindsMax = 4096;

bool is_refusal(Code code) { return code == Code::refused || code == Code::exhausted || code == Code::unsupported; }

}  // namespace

Refusals::Refusals(Record record) : record_(std::move(record)), thread_([this] { flush_each_second(); }) {}

Refusals::~Refusals() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
  flush();
}

void Refusals::note(const std::string& party, const std::string& operation, const std::string& flow,
                    const Error& error) {
  if (!is_refusal(error.code)) return;
  {
    const std::lock_guard lock(mutex_);
    const Key key{party, operation, flow, error.slug};
    if (const auto it = counted_.find(key); it != counted_.end()) {
      ++it->second;
      return;
    }
    // More kinds than that within a second: each is recorded by itself.
    if (counted_.size() < kKindsMax) counted_.emplace(key, 0);
  }
  record_(party, operation, flow, error.slug, 1);
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
  std::map<Key, std::uint64_t> counted;
  {
    const std::lock_guard lock(mutex_);
    counted.swap(counted_);
  }
  for (const auto& [key, count] : counted) {
    if (count > 0) record_(std::get<0>(key), std::get<1>(key), std::get<2>(key), std::get<3>(key), count);
  }
}

}  // namespace holdfast::trustee
