#include "ledger/numbers.h"

#include "base/result.h"

namespace holdfast::ledger {

std::size_t Numbers::place_of(const Pseudonym& subject) const {
  const std::size_t mask = table_.size() - 1, hash = FixedHasher()(subject);
  const std::uint32_t mark = mark_of(hash);
  const auto is_it = [&](std::size_t place) {
    return (table_[place] & ~mask) == mark && subjects_[number_at(place)] == subject;
  };
  std::size_t place = hash & mask;
  while (table_[place] != kNone && !is_it(place)) place = (place + 1) & mask;
  return place;
}

std::uint32_t Numbers::find(const Pseudonym& subject) const {
  if (table_.empty()) return kNone;
  const std::size_t place = place_of(subject);
  return table_[place] == kNone ? kNone : number_at(place);
}

std::uint32_t Numbers::add(const Pseudonym& subject) {
  if ((subjects_.size() + 1) * 4 > table_.size() * 3) make_table(table_.empty() ? 64 : table_.size() * 2);
  const std::size_t place = place_of(subject);
  if (table_[place] == kNone) {
    HF_ASSERT(subjects_.size() < kMax);
    table_[place] = mark_of(FixedHasher()(subject)) | size();
    subjects_.push_back(subject);
  }
  return number_at(place);
}

void Numbers::make_table(std::size_t places) {
  table_ = {};  // given back before the larger one is taken
  table_.assign(places, kNone);
  const std::size_t mask = places - 1;
  subjects_.each([&](std::size_t number, const Pseudonym& subject) {
    const std::size_t hash = FixedHasher()(subject);
    std::size_t place = hash & mask;
    while (table_[place] != kNone) place = (place + 1) & mask;
    table_[place] = mark_of(hash) | static_cast<std::uint32_t>(number);
  });
}

std::vector<std::uint32_t> Numbers::keep(const std::vector<bool>& keep) {
  std::vector<std::uint32_t> moved(subjects_.size(), kNone);
  Chunked<Pseudonym> kept;
  for (std::uint32_t number = 0; number < size(); ++number) {
    if (!keep[number]) continue;
    moved[number] = static_cast<std::uint32_t>(kept.size());
    kept.push_back(subjects_[number]);
  }
  subjects_ = std::move(kept);
  std::size_t places = 64;
  while (subjects_.size() * 4 > places * 3) places *= 2;
  make_table(places);
  return moved;
}

}  // namespace holdfast::ledger
