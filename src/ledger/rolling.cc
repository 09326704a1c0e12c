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
  cut_ = now_ > length_s_ ? now_ - length_s_ : 0;
  pages_ = {};
  pages_.ring.assign(length_s_ / page_s_ + 3, 0);
  pages_.floor = cut_;
}

std::uint32_t RollingCount::cut_at(UnixMillis at) const {
  const std::uint32_t second = std::max(second_of(at), now_);
  return second > length_s_ ? second - length_s_ : 0;
}

void RollingCount::advance(UnixMillis at) {
  const std::uint32_t second = second_of(at);
  if (second <= now_) return;
  const std::uint32_t cut = cut_at(at), page = page_of(cut), before = page_of(cut_);
  now_ = second;
  cut_ = cut;
  if (page != before) {
    // Nothing can lie further ahead than the ring is long.
    const std::uint32_t end = std::min(page, before + static_cast<std::uint32_t>(pages_.ring.size()));
    for (std::uint32_t gone = before; gone < end; ++gone) pages_.held -= std::exchange(pages_[gone], 0);
    pages_.floor = page * page_s_;
  }
  if (page == pages_.open) let_go_on_open_page(cut);
}

void RollingCount::let_go_on_open_page(std::uint32_t until) const {
  const std::uint32_t base = pages_.open * page_s_;
  for (std::uint32_t second = std::max(pages_.floor, base); second < until; ++second) {
    const std::uint32_t gone = std::exchange(pages_.seconds[second - base], 0);
    pages_[pages_.open] -= gone;
    pages_.held -= gone;
  }
  pages_.floor = until;
}

void RollingCount::settle() const {
  if (pages_.floor == cut_) return;
  const std::uint32_t page = page_of(cut_);
  if (pages_[page] > 0) {
    open(page);
    let_go_on_open_page(cut_);
  }
  pages_.floor = cut_;
}

void RollingCount::open(std::uint32_t page) const {
  if (pages_.open == page) return;
  pages_.seconds = seconds_of(page);
  pages_.open = page;
}

std::vector<std::uint32_t> RollingCount::seconds_of(std::uint32_t page) const {
  std::vector<std::uint32_t> out(page_s_, 0);
  if (pages_[page] == 0) return out;
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
  last_[number] = second + 1;
  const std::uint32_t page = page_of(second);
  ++pages_.held;
  ++pages_[page];
  if (page == pages_.open) ++pages_.seconds[second - page * page_s_];
}

void RollingCount::take_off(std::uint32_t second) {
  if (second < pages_.floor) return;
  const std::uint32_t page = page_of(second);
  --pages_.held;
  --pages_[page];
  if (page == pages_.open) --pages_.seconds[second - page * page_s_];
}

void RollingCount::release(std::uint32_t number, UnixMillis at) {
  advance(at);
  last_.reach(std::size_t{number} + 1);
  const std::uint32_t before = last_[number];
  if (before == now_ + 1) return;
  if (before > 0) take_off(before - 1);
  put(number, now_);
}

std::uint64_t RollingCount::count(UnixMillis at) const {
  settle();
  const std::uint32_t cut = cut_at(at), page = page_of(cut);
  if (cut == cut_ || pages_.held == 0) return pages_.held;
  std::uint64_t out = pages_.held;
  const std::uint32_t first = page_of(cut_);
  const std::uint32_t end = std::min(page, first + static_cast<std::uint32_t>(pages_.ring.size()));
  for (std::uint32_t gone = first; gone < end; ++gone) out -= pages_[gone];
  if (end < page || pages_[page] == 0) return out;
  const std::uint32_t base = page * page_s_;
  const auto from = [&](const std::vector<std::uint32_t>& seconds) {
    for (std::uint32_t second = std::max(base, cut_); second < cut; ++second) out -= seconds[second - base];
  };
  page == pages_.open ? from(pages_.seconds) : from(seconds_of(page));
  return out;
}

UnixMillis RollingCount::falls_below(std::uint64_t amount, UnixMillis at) const {
  const std::uint64_t counted = count(at);
  if (counted < amount || counted == 0) return at;
  const std::uint32_t cut = cut_at(at);
  std::uint64_t left = counted - amount + 1;  // so many of the oldest must go
  for (std::uint32_t page = page_of(cut);; ++page) {
    const bool whole = page * page_s_ >= cut;
    if (whole && pages_[page] < left) {
      left -= pages_[page];
      continue;
    }
    if (pages_[page] == 0) continue;
    open(page);
    const std::uint32_t base = page * page_s_;
    for (std::uint32_t i = whole ? 0 : cut - base; i < page_s_; ++i) {
      if (pages_.seconds[i] >= left) return (UnixMillis{base} + i + length_s_ + 1) * 1000;
      left -= pages_.seconds[i];
    }
  }
}

void RollingCount::change_length(UnixMillis length) {
  if (std::max<std::uint32_t>(1, second_of(length)) == length_s_) return;
  const std::uint32_t forgotten = cut_;
  const std::uint32_t numbers = static_cast<std::uint32_t>(last_.size());
  start(length);
  for (std::uint32_t number = 0; number < numbers; ++number) {
    if (last_[number] <= std::max(forgotten, cut_)) {
      last_[number] = 0;
    } else {
      put(number, last_[number] - 1);
    }
  }
}

void RollingCount::renumber(const std::vector<std::uint32_t>& moved) {
  settle();  // what is to be let go has no number afterwards, and could not be found any more
  Chunked<std::uint32_t> last;
  each_counted([&](std::uint32_t number, std::uint32_t second) {
    last.reach(std::size_t{moved[number]} + 1);
    last[moved[number]] = second + 1;
  });
  last_ = std::move(last);
}

void RollingCount::encode(Bytes& out) const {
  put_u32(out, now_);
  settle();
  put_varint(out, pages_.held);
  std::uint32_t next = 0;
  each_counted([&](std::uint32_t number, std::uint32_t second) {
    put_varint(out, number - next);
    put_varint(out, second - cut_);
    next = number + 1;
  });
}

void RollingCount::decode(ByteReader& in, std::uint32_t numbers) {
  now_ = std::min<std::uint32_t>(in.u32(), static_cast<std::uint32_t>(kSecondMax));
  pages_.floor = cut_ = now_ > length_s_ ? now_ - length_s_ : 0;
  std::uint64_t next = 0;
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
    const std::uint64_t skipped = in.varint(), past = in.varint();
    if (!in.ok() || skipped >= numbers - next || past > now_ - cut_) return in.fail();
    const auto number = static_cast<std::uint32_t>(next + skipped);
    last_.reach(std::size_t{number} + 1);
    put(number, cut_ + static_cast<std::uint32_t>(past));
    next = std::uint64_t{number} + 1;
  }
}

std::size_t RollingCount::size_bytes() const {
  return last_.size_bytes() + (pages_.ring.capacity() + pages_.seconds.capacity()) * sizeof(std::uint32_t);
}

}  // namespace holdfast::ledger
