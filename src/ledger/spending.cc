#include "ledger/spending.h"

#include <algorithm>
#include <limits>

namespace holdfast::ledger {

using agreement::Limit;

namespace {

UnixMillis length_of(const Limit& limit) { return rolling_length(limit.window, limit.windows); }

}  // namespace

Spending::Spending(const Limit& limit) : counts_(limit.counts) {
  if (limit.rolling) rolling_.emplace(length_of(limit));
}

void Spending::follow(const Limit& limit, UnixMillis at) {
  if (rolling_.has_value() != limit.rolling || counts_ != limit.counts) {
    *this = Spending(limit);  // it counts something else now, so there is nothing to carry over
  } else if (rolling_) {
    rolling_->change_length(length_of(limit));
  } else if (window_.end != 0) {
    // A wider window keeps the narrower one's spending; of one that lies in two, as a week in two months, the one that
    // goes on.
    window_ = calendar_window(limit.window, window_.holds(at) ? at : window_.start);
  }
}

bool Spending::has_room(const Limit& limit, Counted who, std::uint64_t records, UnixMillis at) const {
  if (rolling_) {
    std::uint64_t fresh = 0;
    for (const std::uint32_t number : who.numbers) fresh += !rolling_->holds(number, at);
    return fresh == 0 || (fresh <= limit.amount && rolling_->below(limit.amount - fresh + 1, at));
  }
  const bool anew = !window_.holds(at);
  if (counts_ == Limit::Counts::records) {
    const std::uint64_t spent = anew ? 0 : records_;
    return spent <= limit.amount && records <= limit.amount - spent;
  }
  if (anew) return limit.amount > 0;
  return subjects_.size() < limit.amount || subjects_.contains(who.subject);
}

void Spending::spend(const Limit& limit, Counted who, std::uint64_t records, UnixMillis at) {
  if (rolling_) {
    for (const std::uint32_t number : who.numbers) rolling_->release(number, at);
    return;
  }
  if (!window_.holds(at)) {
    window_ = calendar_window(limit.window, at);
    records_ = 0;
    subjects_.clear();
  }
  if (counts_ == Limit::Counts::subjects) {
    subjects_.insert(who.subject);
  } else {
    const std::uint64_t room = std::numeric_limits<std::uint64_t>::max() - records_;
    records_ += std::min(records, room);
  }
}

void Spending::advance(UnixMillis at) {
  if (rolling_) rolling_->advance(at);
}

std::uint64_t Spending::spent(UnixMillis at) const {
  if (rolling_) return rolling_->count(at);
  if (!window_.holds(at)) return 0;
  return counts_ == Limit::Counts::subjects ? subjects_.size() : records_;
}

UnixMillis Spending::renews_at(const Limit& limit, UnixMillis at) const {
  if (!rolling_) return calendar_window(limit.window, at).end;
  const std::uint64_t counted = rolling_->count(at);
  return rolling_->falls_below(std::clamp<std::uint64_t>(counted, 1, limit.amount), at);
}

void Spending::encode(Bytes& out) const {
  if (rolling_) return rolling_->encode(out);
  put_u64(out, static_cast<std::uint64_t>(window_.start));
  put_u64(out, static_cast<std::uint64_t>(window_.end));
  put_varint(out, records_);
  // Sorted, so that equal states have equal snapshots.
  std::vector<Pseudonym> sorted(subjects_.begin(), subjects_.end());
  std::sort(sorted.begin(), sorted.end());
  put_varint(out, sorted.size());
  for (const Pseudonym& subject : sorted) out += subject.view();
}

void Spending::decode(ByteReader& in, std::uint32_t numbers) {
  if (rolling_) return rolling_->decode(in, numbers);
  window_.start = static_cast<UnixMillis>(in.u64());
  window_.end = static_cast<UnixMillis>(in.u64());
  if (!is_entry_time(window_.start) || !is_entry_time(window_.end)) return in.fail();
  records_ = in.varint();
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
    if (const auto subject = Pseudonym::from(in.take(Pseudonym::kSize))) subjects_.insert(*subject);
  }
}

}  // namespace holdfast::ledger
