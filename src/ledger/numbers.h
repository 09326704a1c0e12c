#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "ledger/chunked.h"

namespace holdfast::ledger {

/// Gives each counted pseudonym a number, in the order in which it first came, so that a rolling limit keeps four
/// bytes a subject and not a pseudonym. Shared by all rolling limits of a ledger that count the same sort of thing: 16
/// bytes each, and 4 bytes for each place of a table that is at most 3/4 full. What a number leaves of those 4 bytes
/// holds bits of the hash, so that nearly always only one pseudonym is looked at.
class Numbers {
 public:
  static constexpr std::uint32_t kNone = ~0u;
  static constexpr std::size_t kMax = 1u << 31;

  /// kNone when it has none.
  std::uint32_t find(const Pseudonym& subject) const;
  /// Its number, a new one if need be.
  std::uint32_t add(const Pseudonym& subject);
  std::uint32_t size() const { return static_cast<std::uint32_t>(subjects_.size()); }
  const Pseudonym& operator[](std::uint32_t number) const { return subjects_[number]; }
  std::size_t size_bytes() const { return subjects_.size_bytes() + table_.capacity() * sizeof(std::uint32_t); }

  /// Keeps those with a true in `keep`, in their order, under new numbers; answers the new number, or kNone, of each.
  std::vector<std::uint32_t> keep(const std::vector<bool>& keep);

 private:
  /// Where `subject` stands in the table, or the free place where it would.
  std::size_t place_of(const Pseudonym& subject) const;
  std::uint32_t number_at(std::size_t place) const {
    return table_[place] & static_cast<std::uint32_t>(table_.size() - 1);
  }
  /// As much of the hash as fits above a number.
  std::uint32_t mark_of(std::uint64_t hash) const {
    return static_cast<std::uint32_t>(hash >> 32) & ~static_cast<std::uint32_t>(table_.size() - 1);
  }
  void make_table(std::size_t places);

  Chunked<Pseudonym> subjects_;
  std::vector<std::uint32_t> table_;  ///< marks and numbers by hash, linear probing; a power of two; kNone: free
};

}  // namespace holdfast::ledger
