#pragma once

#include <gtest/gtest.h>

#include <future>
#include <map>
#include <memory>

#include "evidence/formats/tree.h"
#include "evidence/log.h"
#include "storage/memory.h"

namespace holdfast::evidence {

using storage::MemoryFaults;

inline SigningKey log_key(char seed = 'k') { return SigningKey::from_seed("log.example/ev", Bytes(32, seed)).value(); }

/// Remembers what it followed; refuses parties named "nobody".
class Witness final : public Follower {
 public:
  Result<void> admit(const Entry& entry) const override {
    if (entry.party == "nobody") return fail(Code::refused, "test.nobody", "", "x");
    const auto spent = spent_.find(entry.party);
    if (entry.party == "limited" && spent != spent_.end() && spent->second >= 3) {
      return fail(Code::exhausted, "test.limited", "", "x");
    }
    return {};
  }
  Result<void> follow(std::uint64_t index, const Entry& entry) override {
    EXPECT_EQ(index, count_) << "entries are followed in order, none twice";
    ++count_, ++followed_;
    ++spent_[entry.party];
    return {};
  }
  Bytes snapshot() const override {
    Bytes out;
    put_varint(out, count_);
    for (const auto& [party, spent] : spent_) put_sized(out, party), put_varint(out, spent);
    return out;
  }
  Result<void> restore(ByteView snapshot) override {
    if (refuse_restore) return fail(Code::corrupt, "test.restore", "", "x");
    ByteReader in(snapshot);
    count_ = in.varint();
    while (in.ok() && in.left() > 0) {
      const std::string party(in.sized());
      spent_[party] = in.varint();
    }
    return {};
  }
  bool refuse_restore = false;
  std::uint64_t count() const { return count_; }
  std::uint64_t followed() const { return followed_; }  ///< since the start, without what a snapshot gave
  const std::map<std::string, std::uint64_t>& spent() const { return spent_; }

 private:
  std::uint64_t count_ = 0, followed_ = 0;
  std::map<std::string, std::uint64_t> spent_;
};

inline Entry entry_by(std::string party, std::uint64_t number = 0) {
  return {.at = 0, .agreement = 1, .party = std::move(party), .event = BackupTaken{.size = number}};
}

/// A log over a memory store that outlives it.
struct Bench {
  MemoryFaults faults;
  std::unique_ptr<storage::Store> store = storage::open_memory(&faults);
  ManualClock clock;
  std::unique_ptr<Witness> witness;
  std::unique_ptr<Log> log;
  LogOptions options;

  Result<void> open() {
    log.reset();
    witness = std::make_unique<Witness>();
    HF_TRY(log, Log::open(*store, log_key(), clock, *witness, options));
    return {};
  }
  void grow(std::uint64_t count) {
    std::vector<Entry> entries;
    for (std::uint64_t i = 0; i < count; ++i) entries.push_back(entry_by("p" + std::to_string(i % 5), i));
    std::promise<std::vector<Result<Appended>>> promise;
    log->append_many(std::move(entries), [&](auto results) { promise.set_value(std::move(results)); });
    for (const auto& result : promise.get_future().get()) ASSERT_TRUE(result) << result.error().text();
  }
};

inline std::vector<Bytes> entries_of(const Log& log) {
  std::vector<Bytes> out;
  EXPECT_TRUE(log.search("", [&](std::uint64_t index, ByteView entry) {
    EXPECT_EQ(index, out.size());
    out.emplace_back(entry);
    return true;
  }));
  EXPECT_EQ(out.size(), log.size());
  return out;
}

inline std::vector<Hash> leaves_of(const Log& log) {
  std::vector<Hash> out;
  for (const Bytes& entry : entries_of(log)) out.push_back(leaf_hash(entry));
  return out;
}

inline Hash root_from(std::span<const Hash> leaves) {
  Frontier frontier;
  for (const Hash& leaf : leaves) frontier.append(leaf);
  return frontier.root();
}

}  // namespace holdfast::evidence
