#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"

namespace holdfast::report {

/// Gives each pseudonym a small number, so that many sets of subjects are cheap.
class SubjectNumbers {
 public:
  std::uint32_t of(const Pseudonym& subject) {
    return numbers_.try_emplace(subject, static_cast<std::uint32_t>(numbers_.size())).first->second;
  }

 private:
  std::unordered_map<Pseudonym, std::uint32_t, FixedHasher> numbers_;
};

/// A set of subjects by their numbers: a bit each.
class SubjectSet {
 public:
  void add(std::uint32_t number) {
    const std::size_t word = number / 64;
    if (word >= words_.size()) words_.resize(word + 1 + words_.size() / 2);
    const std::uint64_t bit = std::uint64_t{1} << (number % 64);
    count_ += (words_[word] & bit) == 0;
    words_[word] |= bit;
  }
  void add(const SubjectSet& others) {
    if (others.words_.size() > words_.size()) words_.resize(others.words_.size());
    count_ = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if (i < others.words_.size()) words_[i] |= others.words_[i];
      count_ += static_cast<std::uint64_t>(__builtin_popcountll(words_[i]));
    }
  }
  std::uint64_t count() const { return count_; }

 private:
  std::vector<std::uint64_t> words_;
  std::uint64_t count_ = 0;
};

}  // namespace holdfast::report
