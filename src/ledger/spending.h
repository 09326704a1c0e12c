#pragma once

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "agreement/plan.h"
#include "base/result.h"
#include "ledger/window.h"

namespace holdfast::ledger {

/// What one limit has spent. Times are those of entries, which never decrease, so a clock that goes back refills
/// nothing. A calendar limit counts records, or distinct subjects, in the window of the newest entry. A rolling one
/// remembers when each subject was last released, in that order, and forgets it when the window has passed; the
/// amount bounds how many it remembers.
class Spending {
 public:
  explicit Spending(const agreement::Limit& limit);

  /// Is there room for one more release of `records` records of `subject` at `at`?
  bool has_room(const agreement::Limit& limit, const Pseudonym& subject, std::uint64_t records, UnixMillis at) const;
  void spend(const agreement::Limit& limit, const Pseudonym& subject, std::uint64_t records, UnixMillis at);

  std::uint64_t spent(UnixMillis at) const;
  /// When there is room again, or the window starts anew.
  UnixMillis renews_at(const agreement::Limit& limit, UnixMillis at) const;

  /// Goes on under the next agreement's limit of the same name: what was spent counts against it.
  void follow(const agreement::Limit& limit);

  void encode(Bytes& out) const;
  /// Leaves the reader failed on nonsense.
  void decode(ByteReader& in);

 private:
  static constexpr std::uint32_t kNone = ~0u;
  /// A subject in a doubly linked list by time of its last release, oldest first.
  struct Seen {
    Pseudonym subject;
    UnixMillis at = 0;
    std::uint32_t before = kNone, after = kNone;
  };

  void spend_rolling(const Pseudonym& subject, UnixMillis at);
  void unlink(std::uint32_t slot);
  void link_newest(std::uint32_t slot);
  void forget_before(UnixMillis at);
  std::uint64_t live(UnixMillis at) const;

  bool rolling_ = false;
  agreement::Limit::Counts counts_ = agreement::Limit::Counts::subjects;
  Window window_;                                        // calendar
  std::uint64_t records_ = 0;                            // calendar
  std::unordered_set<Pseudonym, FixedHasher> subjects_;  // calendar, counting subjects
  UnixMillis length_ = 0;                                // rolling
  std::vector<Seen> seen_;                               // rolling
  std::vector<std::uint32_t> free_;
  std::unordered_map<Pseudonym, std::uint32_t, FixedHasher> slots_;
  std::uint32_t oldest_ = kNone, newest_ = kNone;
};

}  // namespace holdfast::ledger
