#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "ledger/chunked.h"

namespace holdfast::ledger {

/// How many distinct subjects had a release within a rolling window: exact to the second, four bytes a subject.
///
/// Times are cut to whole seconds, and a subject counts up to and including the second that lies a window after its
/// last release: never shorter than the window, at most a second longer. Kept are each subject's last second, how many
/// last seconds fall on each page (a day, or less under short windows) of the window, and, for the oldest page in use,
/// how many fall on each second of it. Whenever the oldest page changes it is filled by one pass over the subjects,
/// once a page at most: about 5 ms for ten million, once a day.
class RollingCount {
 public:
  explicit RollingCount(UnixMillis length);

  /// Lets go of what has left the window. Time goes forward only; an earlier `at` does nothing.
  void advance(UnixMillis at);
  /// Subject `number` (Numbers) had a release at `at`, or at the newest time known if that is later.
  void release(std::uint32_t number, UnixMillis at);

  /// Does `number` count at `at`, which is not before the newest time known?
  bool holds(std::uint32_t number, UnixMillis at) const;
  std::uint64_t count(UnixMillis at) const;
  /// Do fewer than `amount` count at `at`? Nearly always at once, for a count only falls with time.
  bool below(std::uint64_t amount, UnixMillis at) const { return count_ < amount || count(at) < amount; }
  /// When fewer than `amount` (not 0) will count, if nothing more is released.
  UnixMillis falls_below(std::uint64_t amount, UnixMillis at) const;

  /// Goes on with another window; what the old one had let go of stays gone.
  void change_length(UnixMillis length);
  /// Takes the numbers that Numbers::keep() answers. What counts must be among those kept.
  void renumber(const std::vector<std::uint32_t>& moved);
  template <class Visit>
  void each_counted(Visit visit) const {
    last_.each([&](std::size_t number, std::uint32_t last) {
      if (last > cut_) visit(static_cast<std::uint32_t>(number), last - 1);
    });
  }

  void encode(Bytes& out) const;
  /// Leaves the reader failed on nonsense. `numbers`: how many subjects have a number.
  void decode(ByteReader& in, std::uint32_t numbers);
  std::size_t size_bytes() const;

 private:
  std::uint32_t cut_at(UnixMillis at) const;  ///< the first second that counts
  std::uint32_t page_of(std::uint32_t second) const { return second / page_s_; }
  std::uint32_t& on_page(std::uint32_t page) { return pages_[page % pages_.size()]; }
  std::uint32_t on_page(std::uint32_t page) const { return pages_[page % pages_.size()]; }
  void start(UnixMillis length);
  void drop_until(std::uint32_t cut);
  void find_oldest();
  void open_page(std::uint32_t page);
  std::vector<std::uint32_t> seconds_of(std::uint32_t page) const;
  void put(std::uint32_t number, std::uint32_t second);

  std::uint32_t length_s_ = 0, page_s_ = 1;
  Chunked<std::uint32_t> last_;  ///< second of the last release and one; 0: none
  std::uint32_t now_ = 0;        ///< the newest second known
  std::uint32_t cut_ = 0;        ///< the first second that counts at now_
  std::uint64_t count_ = 0;
  std::vector<std::uint32_t> pages_;    ///< a ring
  std::uint32_t oldest_ = 0;            ///< the first page with anything on it, if anything counts
  std::vector<std::uint32_t> seconds_;  ///< of that page
};

}  // namespace holdfast::ledger
