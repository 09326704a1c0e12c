#pragma once

#include <compare>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/result.h"

namespace holdfast::trustee {

/// A kind of refusal, as its entry tells of it.
struct Refusal {
  std::string party, operation, flow;
  std::string_view reason;  ///< an error's slug
  auto operator<=>(const Refusal&) const = default;
};

/// Puts refusals on record: the first of its kind at once, like ones within the same second counted into one more
/// entry, so that whoever floods the door cannot flood the log. Thread-safe.
class Refusals {
 public:
  /// Appends the entry; called from any thread.
  using Record = std::function<void(const Refusal&, std::uint64_t count)>;
  explicit Refusals(Record record);
  ~Refusals() { finish(); }

  /// Takes `error` as it is: what is no refusal (a fault, a missing record) is passed over.
  void note(const std::string& party, const std::string& operation, const std::string& flow, const Error& error);
  /// What the log had no room for: counted into the next entry of its kind.
  void put_back(const Refusal& refusal, std::uint64_t count);
  /// Puts what was counted on record, and nothing by itself from then on.
  void finish();

 private:
  void flush_each_second();
  void flush();

  const Record record_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::map<Refusal, std::uint64_t> counted_;  ///< since the entry that stands
  std::thread thread_;
};

}  // namespace holdfast::trustee
