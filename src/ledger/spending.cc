#include "ledger/spending.h"

#include <algorithm>
#include <limits>

namespace holdfast::ledger {

using agreement::Limit;

Spending::Spending(const Limit& limit) { follow(limit); }

void Spending::follow(const Limit& limit) {
  const bool fresh = length_ == 0 && window_.end == 0;
  if (!fresh && (rolling_ != limit.rolling || counts_ != limit.counts)) {
    *this = Spending(limit);  // it counts something else now, so there is nothing to carry over
    return;
  }
  rolling_ = limit.rolling;
  counts_ = limit.counts;
  if (rolling_) {
    length_ = rolling_length(limit.window, limit.windows);
  } else if (!fresh) {
    window_ = calendar_window(limit.window, window_.start);  // a wider window keeps the narrower one's spending
  }
}

bool Spending::has_room(const Limit& limit, const Pseudonym& subject, std::uint64_t records, UnixMillis at) const {
  if (rolling_) {
    if (slots_.size() < limit.amount) return true;
    const auto found = slots_.find(subject);
    return (found != slots_.end() && seen_[found->second].at > at - length_) || live(at) < limit.amount;
  }
  const bool anew = !window_.holds(at);
  if (counts_ == Limit::Counts::records) {
    const std::uint64_t spent = anew ? 0 : records_;
    return spent <= limit.amount && records <= limit.amount - spent;
  }
  if (anew) return limit.amount > 0;
  return subjects_.size() < limit.amount || subjects_.contains(subject);
}

void Spending::spend(const Limit& limit, const Pseudonym& subject, std::uint64_t records, UnixMillis at) {
  if (rolling_) return spend_rolling(subject, at);
  if (!window_.holds(at)) {
    window_ = calendar_window(limit.window, at);
    records_ = 0;
    subjects_.clear();
  }
  if (counts_ == Limit::Counts::subjects) {
    subjects_.insert(subject);
  } else {
    const std::uint64_t room = std::numeric_limits<std::uint64_t>::max() - records_;
    records_ += std::min(records, room);
  }
}

void Spending::spend_rolling(const Pseudonym& subject, UnixMillis at) {
  forget_before(at - length_);
  const auto [place, fresh] = slots_.try_emplace(subject, kNone);
  if (fresh) {
    if (free_.empty()) {
      place->second = static_cast<std::uint32_t>(seen_.size());
      seen_.push_back({});
    } else {
      place->second = free_.back();
      free_.pop_back();
    }
    seen_[place->second].subject = subject;
  } else {
    unlink(place->second);
  }
  seen_[place->second].at = at;
  link_newest(place->second);
}

void Spending::unlink(std::uint32_t slot) {
  const Seen& seen = seen_[slot];
  (seen.before == kNone ? oldest_ : seen_[seen.before].after) = seen.after;
  (seen.after == kNone ? newest_ : seen_[seen.after].before) = seen.before;
}

void Spending::link_newest(std::uint32_t slot) {
  seen_[slot].before = newest_;
  seen_[slot].after = kNone;
  (newest_ == kNone ? oldest_ : seen_[newest_].after) = slot;
  newest_ = slot;
}

void Spending::forget_before(UnixMillis at) {
  while (oldest_ != kNone && seen_[oldest_].at <= at) {
    const std::uint32_t slot = oldest_;
    unlink(slot);
    slots_.erase(seen_[slot].subject);
    free_.push_back(slot);
  }
}

std::uint64_t Spending::live(UnixMillis at) const {
  std::uint64_t count = slots_.size();
  for (std::uint32_t slot = oldest_; slot != kNone && seen_[slot].at <= at - length_; slot = seen_[slot].after) --count;
  return count;
}

std::uint64_t Spending::spent(UnixMillis at) const {
  if (rolling_) return live(at);
  if (!window_.holds(at)) return 0;
  return counts_ == Limit::Counts::subjects ? subjects_.size() : records_;
}

UnixMillis Spending::renews_at(const Limit& limit, UnixMillis at) const {
  if (!rolling_) return calendar_window(limit.window, at).end;
  for (std::uint32_t slot = oldest_; slot != kNone; slot = seen_[slot].after) {
    if (seen_[slot].at > at - length_) return seen_[slot].at + length_;
  }
  return at;
}

void Spending::encode(Bytes& out) const {
  if (!rolling_) {
    put_u64(out, static_cast<std::uint64_t>(window_.start));
    put_u64(out, static_cast<std::uint64_t>(window_.end));
    put_varint(out, records_);
    // Sorted, so that equal states have equal snapshots.
    std::vector<Pseudonym> sorted(subjects_.begin(), subjects_.end());
    std::sort(sorted.begin(), sorted.end());
    put_varint(out, sorted.size());
    for (const Pseudonym& subject : sorted) out += subject.view();
    return;
  }
  put_varint(out, slots_.size());
  UnixMillis before = 0;
  for (std::uint32_t slot = oldest_; slot != kNone; slot = seen_[slot].after) {
    out += seen_[slot].subject.view();
    put_varint(out, static_cast<std::uint64_t>(seen_[slot].at - before));
    before = seen_[slot].at;
  }
}

void Spending::decode(ByteReader& in) {
  const auto bad = [&in] { in.take(in.left() + 1); };
  if (!rolling_) {
    window_.start = static_cast<UnixMillis>(in.u64());
    window_.end = static_cast<UnixMillis>(in.u64());
    if (!is_entry_time(window_.start) || !is_entry_time(window_.end)) return bad();
    records_ = in.varint();
    for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
      if (const auto subject = Pseudonym::from(in.take(Pseudonym::kSize))) subjects_.insert(*subject);
    }
    return;
  }
  UnixMillis at = 0;
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
    const auto subject = Pseudonym::from(in.take(Pseudonym::kSize));
    at = static_cast<UnixMillis>(static_cast<std::uint64_t>(at) + in.varint());
    if (!is_entry_time(at)) return bad();
    if (in.ok() && subject) spend_rolling(*subject, at);
  }
}

}  // namespace holdfast::ledger
