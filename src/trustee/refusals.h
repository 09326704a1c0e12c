#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>

#include "base/result.h"

namespace holdfast::trustee {

/// Puts refusals on record: the first of its kind at once, like ones within the same second counted into one more
/// entry, so that whoever floods the door cannot flood the log. Thread-safe.
class Refusals {
 public:
  /// `record(party, operation, flow, reason, count)` appends the entry; called from any thread.
  using Record =
      std::function<void(const std::string&, const std::string&, const std::string&, std::string_view, std::uint64_t)>;
  explicit Refusals(Record record);
  /// Puts what was counted on record.
  ~Refusals();

  /// Takes `error` as it is: what is no refusal (a fault, a missing record) is passed over.
  void note(const std::string& party, const std::string& operation, const std::string& flow, const Error& error);

 private:
  using Key = std::tuple<std::string, std::string, std::string, std::string_view>;
  void flush_each_second();
  void flush();

  Record record_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::map<Key, std::uint64_t> counted_;  ///< since the entry that stands; kKindsMax at most
  std::thread thread_;
};

}  // namespace holdfast::trustee
