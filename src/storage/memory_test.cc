#include "storage/memory.h"

#include "storage/conformance_test.h"

namespace holdfast::storage {
namespace {

class MemoryEngine final : public Engine {
 public:
  MemoryEngine() { faults_.set_clock(&clock); }
  std::unique_ptr<Store> open() override {
    faults_.crash();
    return open_memory(&faults_);
  }

 private:
  MemoryFaults faults_;
};

INSTANTIATE_TEST_SUITE_P(Memory, Conformance,
                         testing::Values([]() -> std::unique_ptr<Engine> { return std::make_unique<MemoryEngine>(); }));

const LockerId kLocker{};

Result<Version> put(Store& store, Bytes value) {
  const LockerChange change{Shelf::records, kLocker, kAnyVersion, {{"k", std::move(value)}}, {}};
  return store.apply({&change, 1})[0];
}

TEST(MemoryFaults, a_write_that_fails_before_leaves_nothing) {
  MemoryFaults faults;
  const auto store = open_memory(&faults);
  faults.fail_write(2);
  EXPECT_TRUE(put(*store, "1"));
  EXPECT_TRUE(store->health());
  EXPECT_TRUE(fails(put(*store, "2"), Code::unavailable, "storage.fault.injected"));
  EXPECT_EQ(**store->get(Shelf::records, kLocker, "k"), "1");
  EXPECT_TRUE(fails(store->health(), Code::unavailable, "storage.failed"));
  EXPECT_TRUE(put(*store, "3"));
  EXPECT_TRUE(store->health());
  EXPECT_EQ(faults.writes(), 3u);
  EXPECT_EQ(faults.syncs(), 2u);
}

TEST(MemoryFaults, a_write_that_fails_after_is_seen_until_the_crash) {
  MemoryFaults faults;
  auto store = open_memory(&faults);
  ASSERT_TRUE(put(*store, "1"));
  faults.fail_write(1, MemoryFaults::Mode::after, 2);
  EXPECT_FALSE(put(*store, "2"));
  EXPECT_FALSE(put(*store, "3"));
  EXPECT_EQ(**store->get(Shelf::records, kLocker, "k"), "3");
  store.reset();
  faults.crash();
  store = open_memory(&faults);
  EXPECT_EQ(**store->get(Shelf::records, kLocker, "k"), "1");
  EXPECT_EQ(*store->version(Shelf::records, kLocker), 1u);
}

TEST(MemoryFaults, an_acknowledged_write_makes_durable_what_went_before) {
  MemoryFaults faults;
  const auto store = open_memory(&faults);
  faults.fail_write(1, MemoryFaults::Mode::after);
  EXPECT_FALSE(put(*store, "1"));
  const Blob blob{"b", "acknowledged"};
  ASSERT_TRUE(store->put_blobs({&blob, 1}));
  faults.crash();
  EXPECT_EQ(**store->get(Shelf::records, kLocker, "k"), "1");
  EXPECT_TRUE(store->get_blob("b")->has_value());
}

TEST(MemoryFaults, one_call_syncs_once) {
  MemoryFaults faults;
  const auto store = open_memory(&faults);
  std::vector<LockerChange> changes(50, LockerChange{Shelf::records, kLocker, kAnyVersion, {{"k", "v"}}, {}});
  store->apply(changes);
  EXPECT_EQ(faults.syncs(), 1u);
}

}  // namespace
}  // namespace holdfast::storage
