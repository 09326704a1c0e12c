#pragma once

// What every engine of the Store must do, as one suite: conformance_test.cc (lockers) and conformance_log_test.cc
// (blobs, journals, leases). An engine's own test derives an Engine, and instantiates:
//   INSTANTIATE_TEST_SUITE_P(Rocks, Conformance, testing::Values(make_rocks_engine));
// Nothing here asks for more than a distributed engine can give: atomicity within a locker, a blob or a journal only.

#include <gtest/gtest.h>

#include <memory>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "storage/store.h"

namespace holdfast::storage {

/// A fresh medium and how to open the engine on it.
class Engine {
 public:
  virtual ~Engine() = default;
  /// Opens; the store opened before is gone by then.
  virtual std::unique_ptr<Store> open() = 0;
  ManualClock clock;
};
using MakeEngine = std::unique_ptr<Engine> (*)();

class Conformance : public testing::TestWithParam<MakeEngine> {
 protected:
  Conformance() : engine_(GetParam()()), store_(engine_->open()) {}

  void reopen() {
    store_.reset();
    store_ = engine_->open();
  }

  static LockerId id(std::uint64_t n) {
    Bytes raw(8, '\x5a');
    put_u64(raw, n);
    return *LockerId::from(raw);
  }
  static LockerChange put(const LockerId& locker, Bytes key, Bytes value, Version expected = kAnyVersion,
                          Shelf shelf = Shelf::records) {
    return {shelf, locker, expected, {{std::move(key), std::move(value)}}, {}};
  }
  Result<Version> apply(const LockerChange& change) { return store_->apply({&change, 1})[0]; }
  std::optional<Bytes> get(const LockerId& locker, ByteView key, Shelf shelf = Shelf::records) {
    auto value = store_->get(shelf, locker, key);
    EXPECT_TRUE(value) << value.error().text();
    return value ? *value : std::nullopt;
  }
  Version version(const LockerId& locker, Shelf shelf = Shelf::records) {
    const auto found = store_->version(shelf, locker);
    EXPECT_TRUE(found) << found.error().text();
    return found.value_or(0);
  }
  std::vector<Bytes> keys(const LockerId& locker, ByteView prefix, ByteView from = {}, std::size_t most = 1000) {
    std::vector<Bytes> found;
    const auto scanned = store_->scan(Shelf::records, locker, prefix, from, [&](ByteView key, ByteView) {
      found.emplace_back(key);
      return found.size() < most;
    });
    EXPECT_TRUE(scanned);
    return found;
  }
  std::uint64_t lease(std::string_view name, std::string_view owner = "writer") {
    const auto token = store_->acquire(name, owner, std::chrono::seconds(10));
    EXPECT_TRUE(token) << token.error().text();
    return token.value_or(0);
  }
  struct Read {
    std::uint64_t position;
    std::uint32_t count;
    Bytes packed;
    bool operator==(const Read&) const = default;
  };
  std::vector<Read> read(std::string_view journal, std::uint64_t from, std::size_t most = 1000) {
    std::vector<Read> found;
    const auto done = store_->read(journal, from, [&](std::uint64_t position, std::uint32_t count, ByteView packed) {
      found.push_back({position, count, Bytes(packed)});
      return found.size() < most;
    });
    EXPECT_TRUE(done);
    return found;
  }

  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Store> store_;
};

template <class T>
testing::AssertionResult fails(const Result<T>& result, Code code, std::string_view slug) {
  if (result) return testing::AssertionFailure() << "succeeded, should fail with " << slug;
  if (result.error().code == code && result.error().slug == slug) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "failed otherwise: " << result.error().text();
}

}  // namespace holdfast::storage
