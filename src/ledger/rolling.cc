#include "ledger/rolling.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace holdfast::ledger {
namespace {

constexpr std::uint32_t kDay = 86'400;
/// Beyond it (the year 2106) time stands still, and what counts goes on counting.
constexpr UnixMillis kSecondMax = std::numeric_limits<std::uint32_t>::max() - 2;

std::uint32_t second_of(UnixMillis at) {
  return static_cast<std::uint32_t>(std::clamp<UnixMillis>(at / 1000, 0, kSecondMax));
}

}  // namespace

RollingCount::RollingCount(UnixMillis length) { start(length); }

void RollingCount::start(UnixMillis length) {
  length_s_ = std::max<std::uint32_t>(1, second_of(length));
  page_s_ = std::clamp<std::uint32_t>(length_s_ / 365, 1, kDay);
  pages_.assign(length_s_ / page_s_ + 3, 0);
  seconds_.assign(page_s_, 0);
  cut_ = now_ > length_s_ ? now_ - length_s_ : 0;
  count_ = 0;
  oldest_ = page_of(cut_);
}

std::uint32_t RollingCount::cut_at(UnixMillis at) const {
  const std::uint32_t second = std::max(second_of(at), now_);
  return second > length_s_ ? second - length_s_ : 0;
}

void RollingCount::advance(UnixMillis at) {
  const std::uint32_t second = second_of(at);
  if (second <= now_) return;
  const std::uint32_t cut = cut_at(at);
  now_ = second;
  if (cut == cut_) return;
  drop_until(cut);
  find_oldest();
}

void RollingCount::drop_until(std::uint32_t cut) {
  const std::uint32_t from = std::exchange(cut_, cut);
  if (count_ == 0) return;
  const std::uint32_t page = page_of(cut);
  if (page > oldest_) {
    // Counts beyond the ring's length cannot be: they would have been dropped before.
    const std::uint32_t last = std::min(page, oldest_ + static_cast<std::uint32_t>(pages_.size()));
    for (std::uint32_t gone = oldest_; gone < last; ++gone) count_ -= std::exchange(on_page(gone), 0);
    open_page(page);
  }
  if (page != oldest_) return;
  const std::uint32_t base = oldest_ * page_s_;
  for (std::uint32_t second = std::max(from, base); second < cut; ++second) {
    const std::uint32_t gone = std::exchange(seconds_[second - base], 0);
    on_page(oldest_) -= gone;
    count_ -= gone;
  }
}

void RollingCount::find_oldest() {
  if (count_ == 0 || on_page(oldest_) > 0) return;
  std::uint32_t page = oldest_;
  while (on_page(page) == 0) ++page;  // ends, for something counts
  open_page(page);
}

void RollingCount::open_page(std::uint32_t page) {
  oldest_ = page;
  seconds_ = seconds_of(page);
}

std::vector<std::uint32_t> RollingCount::seconds_of(std::uint32_t page) const {
  std::vector<std::uint32_t> out(page_s_, 0);
  if (on_page(page) == 0) return out;
  const std::uint32_t base = page * page_s_ + 1;  // last_ is one more than the second
  const std::uint32_t length = page_s_;
  last_.each_block([&](std::span<const std::uint32_t, Chunked<std::uint32_t>::kBlock> block) {
    std::uint32_t any = 0;
    for (const std::uint32_t last : block) any |= last - base < length;  // in one go: most blocks have none
    if (any == 0) return;
    for (const std::uint32_t last : block) {
      if (last - base < length) ++out[last - base];
    }
  });
  return out;
}

void RollingCount::put(std::uint32_t number, std::uint32_t second) {
  last_.reach(std::size_t{number} + 1);
  const std::uint32_t page = page_of(second);
  if (count_ == 0) {
    oldest_ = page;
    std::fill(seconds_.begin(), seconds_.end(), 0);
  }
  last_[number] = second + 1;
  ++count_;
  ++on_page(page);
  if (page == oldest_) ++seconds_[second - oldest_ * page_s_];
}

void RollingCount::release(std::uint32_t number, UnixMillis at) {
  advance(at);
  last_.reach(std::size_t{number} + 1);
  const std::uint32_t before = last_[number];
  if (before == now_ + 1) return;
  if (before > cut_) {
    const std::uint32_t second = before - 1, page = page_of(second);
    --count_;
    --on_page(page);
    if (page == oldest_) --seconds_[second - oldest_ * page_s_];
  }
  put(number, now_);
  find_oldest();
}

bool RollingCount::holds(std::uint32_t number, UnixMillis at) const {
  return number < last_.size() && last_[number] > cut_at(at);
}

std::uint64_t RollingCount::count(UnixMillis at) const {
  const std::uint32_t cut = cut_at(at), page = page_of(cut);
  if (count_ == 0 || cut == cut_ || page < oldest_) return count_;
  std::uint64_t out = count_;
  const std::uint32_t last = std::min(page, oldest_ + static_cast<std::uint32_t>(pages_.size()));
  for (std::uint32_t gone = oldest_; gone < last; ++gone) out -= on_page(gone);
  if (out == 0) return 0;
  const std::uint32_t base = page * page_s_;
  const auto from = [&](const std::vector<std::uint32_t>& seconds) {
    for (std::uint32_t second = std::max(base, cut_); second < cut; ++second) out -= seconds[second - base];
  };
  page == oldest_ ? from(seconds_) : from(seconds_of(page));
  return out;
}

UnixMillis RollingCount::falls_below(std::uint64_t amount, UnixMillis at) const {
  const std::uint64_t counted = count(at);
  if (counted < amount || counted == 0) return at;
  const std::uint32_t cut = cut_at(at);
  std::uint64_t left = counted - amount + 1;  // so many of the oldest must go
  for (std::uint32_t page = std::max(oldest_, page_of(cut));; ++page) {
    const bool whole = page * page_s_ >= cut;
    if (whole && on_page(page) < left) {
      left -= on_page(page);
      continue;
    }
    std::vector<std::uint32_t> other;
    if (page != oldest_) other = seconds_of(page);
    const std::vector<std::uint32_t>& seconds = page == oldest_ ? seconds_ : other;
    const std::uint32_t base = page * page_s_;
    for (std::uint32_t i = whole ? 0 : cut - base; i < page_s_; ++i) {
      if (seconds[i] >= left) return (UnixMillis{base} + i + length_s_ + 1) * 1000;
      left -= seconds[i];
    }
  }
}

void RollingCount::change_length(UnixMillis length) {
  if (std::max<std::uint32_t>(1, second_of(length)) == length_s_) return;
  const std::uint32_t forgotten = cut_;
  const std::uint32_t numbers = static_cast<std::uint32_t>(last_.size());
  start(length);
  std::uint32_t first = std::numeric_limits<std::uint32_t>::max();
  for (std::uint32_t number = 0; number < numbers; ++number) {
    if (last_[number] <= std::max(forgotten, cut_)) {
      last_[number] = 0;
    } else {
      first = std::min(first, last_[number] - 1);
      ++count_;
      ++on_page(page_of(last_[number] - 1));
    }
  }
  if (count_ > 0) open_page(page_of(first));
}

void RollingCount::renumber(const std::vector<std::uint32_t>& moved) {
  Chunked<std::uint32_t> last;
  each_counted([&](std::uint32_t number, std::uint32_t second) {
    last.reach(std::size_t{moved[number]} + 1);
    last[moved[number]] = second + 1;
  });
  last_ = std::move(last);
}

void RollingCount::encode(Bytes& out) const {
  put_u32(out, now_);
  put_varint(out, count_);
  std::uint32_t next = 0;
  each_counted([&](std::uint32_t number, std::uint32_t second) {
    put_varint(out, number - next);
    put_varint(out, second - cut_);
    next = number + 1;
  });
}

void RollingCount::decode(ByteReader& in, std::uint32_t numbers) {
  now_ = std::min<std::uint32_t>(in.u32(), static_cast<std::uint32_t>(kSecondMax));
  cut_ = now_ > length_s_ ? now_ - length_s_ : 0;
  std::uint64_t next = 0;
  std::uint32_t first = std::numeric_limits<std::uint32_t>::max();
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
    const std::uint64_t skipped = in.varint(), past = in.varint();
    if (!in.ok() || skipped >= numbers - next || past > now_ - cut_) return in.fail();
    const auto number = static_cast<std::uint32_t>(next + skipped);
    const std::uint32_t second = cut_ + static_cast<std::uint32_t>(past);
    first = std::min(first, second);
    last_.reach(std::size_t{number} + 1);
    last_[number] = second + 1;
    ++count_;
    ++on_page(page_of(second));
    next = std::uint64_t{number} + 1;
  }
  if (count_ > 0) open_page(page_of(first));
}

std::size_t RollingCount::size_bytes() const {
  return last_.size_bytes() + (pages_.capacity() + seconds_.capacity()) * sizeof(std::uint32_t);
}

}  // namespace holdfast::ledger
