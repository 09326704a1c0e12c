#pragma once

#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "agreement/plan.h"
#include "ledger/numbers.h"
#include "ledger/rolling.h"
#include "ledger/window.h"

namespace holdfast::ledger {

/// What a release counts as, under one limit: the subject, or what is counted in its stead. Rolling limits go by
/// numbers, which a thing has once one of them has counted it (else Numbers::kNone).
struct Counted {
  const Pseudonym& subject;
  std::span<const std::uint32_t> numbers;
};

/// What one limit has spent. Times are those of entries, which never decrease, so a clock that goes back refills
/// nothing. A calendar limit counts records, or distinct subjects, in the window of the newest entry. A rolling one
/// counts distinct subjects or devices (RollingCount).
class Spending {
 public:
  explicit Spending(const agreement::Limit& limit);

  /// Is there room for one more release of `records` records of `who` at `at`?
  bool has_room(const agreement::Limit& limit, Counted who, std::uint64_t records, UnixMillis at) const;
  /// Under a rolling limit all of `who` must have numbers.
  void spend(const agreement::Limit& limit, Counted who, std::uint64_t records, UnixMillis at);
  /// Time has gone on to `at`.
  void advance(UnixMillis at);

  std::uint64_t spent(UnixMillis at) const;
  /// When there is room for another, or the window starts anew.
  UnixMillis renews_at(const agreement::Limit& limit, UnixMillis at) const;

  /// Goes on under the next agreement's limit of the same name: what was spent counts against it.
  void follow(const agreement::Limit& limit, UnixMillis at);
  /// Null under a calendar limit.
  RollingCount* rolling() { return rolling_ ? &*rolling_ : nullptr; }
  const RollingCount* rolling() const { return rolling_ ? &*rolling_ : nullptr; }

  void encode(Bytes& out) const;
  /// Leaves the reader failed on nonsense. `numbers`: how many subjects have a number.
  void decode(ByteReader& in, std::uint32_t numbers);

 private:
  agreement::Limit::Counts counts_ = agreement::Limit::Counts::subjects;
  Window window_;                                        // calendar
  std::uint64_t records_ = 0;                            // calendar
  std::unordered_set<Pseudonym, FixedHasher> subjects_;  // calendar, counting subjects
  std::optional<RollingCount> rolling_;
};

}  // namespace holdfast::ledger
