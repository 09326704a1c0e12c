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
/// last release: never shorter than the window, at most a second longer. Kept are each subject's last second and how
/// many last seconds fall on each page (a day, or less under short windows) of the window. Whole pages are let go of as
/// time passes. Seconds within the oldest page matter only where the count comes near what it is held against, or is
/// asked for: then that page is opened, by one pass over the subjects: about 5 ms for ten million, once a page at most.
class RollingCount {
 public:
  explicit RollingCount(UnixMillis length);

  /// Lets go of what has left the window. Time goes forward only; an earlier `at` does nothing.
  void advance(UnixMillis at);
  /// Subject `number` (Numbers) had a release at `at`, or at the newest time known if that is later.
  void release(std::uint32_t number, UnixMillis at);

  /// Does `number` count at `at`, which is not before the newest time known?
  bool holds(std::uint32_t number, UnixMillis at) const { return number < last_.size() && last_[number] > cut_at(at); }
  /// What follows will ask for `number`: lets the memory fetch what is known of it.
  void expect(std::uint32_t number) const {
    if (number < last_.size()) __builtin_prefetch(&last_[number], 1);
  }
  std::uint64_t count(UnixMillis at) const;
  /// Do fewer than `amount` count at `at`? Nearly always at once, for a count only falls with time.
  bool below(std::uint64_t amount, UnixMillis at) const { return pages_.held < amount || count(at) < amount; }
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
  /// What falls on which page. How far the oldest has been looked into is no part of what is counted, so looking is
  /// const; it is not safe from two threads at once.
  struct Pages {
    static constexpr std::uint32_t kNone = ~0u;
    std::vector<std::uint32_t> ring;
    std::uint64_t held = 0;   ///< on all pages together
    std::uint32_t floor = 0;  ///< last seconds before it are on no page any more; never after cut_
    std::uint32_t open = kNone;
    std::vector<std::uint32_t> seconds;  ///< of the open page, from `floor` on

    std::uint32_t& operator[](std::uint32_t page) { return ring[page % ring.size()]; }
  };

  std::uint32_t cut_at(UnixMillis at) const;  ///< the first second that counts
  std::uint32_t page_of(std::uint32_t second) const { return second / page_s_; }
  void start(UnixMillis length);
  void put(std::uint32_t number, std::uint32_t second);
  void take_off(std::uint32_t second);
  /// Lets go of the seconds between `floor` and cut_ too, opening their page if need be: `held` is the count then.
  void settle() const;
  void let_go_on_open_page(std::uint32_t until) const;
  void open(std::uint32_t page) const;
  std::vector<std::uint32_t> seconds_of(std::uint32_t page) const;

  std::uint32_t length_s_ = 0, page_s_ = 1;
  Chunked<std::uint32_t> last_;  ///< second of the last release and one; 0: none
  std::uint32_t now_ = 0;        ///< the newest second known
  std::uint32_t cut_ = 0;        ///< the first second that counts at now_
  mutable Pages pages_;
};

}  // namespace holdfast::ledger
