#include "storage/conformance_test.h"

#include <algorithm>
#include <atomic>
#include <thread>

namespace holdfast::storage {

TEST_P(Conformance, what_is_absent_is_nothing) {
  EXPECT_EQ(get(id(1), "k"), std::nullopt);
  EXPECT_EQ(version(id(1)), 0u);
  EXPECT_TRUE(keys(id(1), "").empty());
  EXPECT_TRUE(store_->list(Shelf::records, std::nullopt, 10)->empty());
  EXPECT_TRUE(store_->remove(Shelf::records, id(1)));
  EXPECT_EQ(version(id(1)), 0u);
  EXPECT_TRUE(store_->apply({}).empty());
}

TEST_P(Conformance, a_locker_keeps_what_was_put_across_a_restart) {
  const Bytes binary("\0\xff\n\0value", 9);
  EXPECT_EQ(apply(put(id(1), Bytes("\0", 1), binary)).value(), 1u);
  EXPECT_EQ(apply(put(id(1), "empty", "")).value(), 2u);
  reopen();
  EXPECT_EQ(get(id(1), Bytes("\0", 1)), binary);
  EXPECT_EQ(get(id(1), "empty"), "");
  EXPECT_EQ(version(id(1)), 2u);
}

TEST_P(Conformance, one_change_puts_and_deletes_at_once) {
  ASSERT_TRUE(apply({Shelf::records, id(1), 0, {{"a", "1"}, {"b", "1"}}, {}}));
  const auto next = apply({Shelf::records, id(1), 1, {{"b", "2"}, {"c", "2"}}, {"a", "absent", "b"}});
  EXPECT_EQ(next.value(), 2u);
  EXPECT_EQ(get(id(1), "a"), std::nullopt);
  EXPECT_EQ(get(id(1), "b"), "2");
  EXPECT_EQ(get(id(1), "c"), "2");
}

TEST_P(Conformance, shelves_and_lockers_are_apart) {
  ASSERT_TRUE(apply(put(id(1), "k", "record")));
  ASSERT_TRUE(apply(put(id(1), "k", "key", kAnyVersion, Shelf::keys)));
  ASSERT_TRUE(apply(put(id(2), "k", "other")));
  EXPECT_EQ(get(id(1), "k"), "record");
  EXPECT_EQ(get(id(1), "k", Shelf::keys), "key");
  ASSERT_TRUE(store_->remove(Shelf::records, id(1)));
  EXPECT_EQ(get(id(1), "k"), std::nullopt);
  EXPECT_EQ(get(id(1), "k", Shelf::keys), "key");
  EXPECT_EQ(get(id(2), "k"), "other");
}

TEST_P(Conformance, an_unexpected_version_changes_nothing) {
  ASSERT_TRUE(apply(put(id(1), "k", "1", 0)));
  EXPECT_TRUE(fails(apply(put(id(1), "k", "2", 0)), Code::conflict, "storage.version.conflict"));
  EXPECT_TRUE(fails(apply(put(id(1), "k", "2", 7)), Code::conflict, "storage.version.conflict"));
  EXPECT_TRUE(fails(apply(put(id(9), "k", "2", 1)), Code::conflict, "storage.version.conflict"));
  EXPECT_EQ(get(id(1), "k"), "1");
  EXPECT_EQ(version(id(1)), 1u);
  EXPECT_EQ(version(id(9)), 0u);
}

TEST_P(Conformance, each_change_of_a_call_stands_alone) {
  ASSERT_TRUE(apply(put(id(1), "k", "old")));
  const std::vector<LockerChange> changes{put(id(1), "k", "new", 9),
                                          put(id(2), "k", "new", 0),
                                          put(id(3), Bytes(kItemKeyBytesMax + 1, 'k'), ""),
                                          put(id(4), "k", "new"),
                                          put(id(4), "j", "next", 1),
                                          put(id(4), "k", "late", 1),
                                          put(id(4), "k", "key", 0, Shelf::keys)};
  const auto results = store_->apply(changes);
  ASSERT_EQ(results.size(), 7u);
  EXPECT_TRUE(fails(results[0], Code::conflict, "storage.version.conflict"));
  EXPECT_EQ(results[1].value(), 1u);
  EXPECT_TRUE(fails(results[2], Code::invalid, "storage.item.key"));
  EXPECT_EQ(results[3].value(), 1u);
  EXPECT_EQ(results[4].value(), 2u) << "a later change of a locker sees the earlier one";
  EXPECT_TRUE(fails(results[5], Code::conflict, "storage.version.conflict"));
  EXPECT_EQ(results[6].value(), 1u);
  EXPECT_EQ(get(id(1), "k"), "old");
  EXPECT_EQ(get(id(4), "k"), "new");
  EXPECT_EQ(version(id(3)), 0u);
}

TEST_P(Conformance, versions_never_go_back_after_removal) {
  ASSERT_TRUE(apply(put(id(1), "k", "1")));
  ASSERT_EQ(apply(put(id(1), "k", "2")).value(), 2u);
  ASSERT_TRUE(store_->remove(Shelf::records, id(1)));
  EXPECT_EQ(version(id(1)), 0u);
  EXPECT_TRUE(keys(id(1), "").empty());
  reopen();
  EXPECT_TRUE(fails(apply(put(id(1), "k", "3", 2)), Code::conflict, "storage.version.conflict"));
  const auto again = apply(put(id(1), "j", "3", 0));
  ASSERT_TRUE(again);
  EXPECT_GT(*again, 2u);
  EXPECT_EQ(version(id(1)), *again);
  EXPECT_EQ(get(id(1), "k"), std::nullopt);
}

TEST_P(Conformance, deletes_alone_bring_no_locker_into_being) {
  EXPECT_EQ(apply({Shelf::records, id(1), kAnyVersion, {}, {"k"}}).value(), 0u);
  EXPECT_EQ(version(id(1)), 0u);
  ASSERT_TRUE(apply(put(id(1), "k", "v")));
  EXPECT_EQ(apply({Shelf::records, id(1), 1, {}, {"k"}}).value(), 2u);
  EXPECT_EQ(version(id(1)), 2u) << "an empty locker still exists";
  EXPECT_EQ(store_->list(Shelf::records, std::nullopt, 10)->size(), 1u);
}

TEST_P(Conformance, a_scan_follows_prefix_order_and_start_also_for_binary_keys) {
  const Bytes high("\xff\xff", 2), highest("\xff\xff\xff", 3), zero("\0", 1), zeros("\0\0", 2);
  ASSERT_TRUE(apply({Shelf::records,
                     id(1),
                     kAnyVersion,
                     {{"b/2", "4"}, {high, "6"}, {"b/1", "3"}, {zero, "1"}, {"c", "5"}, {highest, "7"}, {zeros, "2"}},
                     {}}));
  ASSERT_TRUE(apply(put(id(2), "b/3", "of another")));
  EXPECT_EQ(keys(id(1), ""), (std::vector<Bytes>{zero, zeros, "b/1", "b/2", "c", high, highest}));
  EXPECT_EQ(keys(id(1), "b/"), (std::vector<Bytes>{"b/1", "b/2"}));
  EXPECT_EQ(keys(id(1), "b/", "b/2"), (std::vector<Bytes>{"b/2"}));
  EXPECT_EQ(keys(id(1), "b/", "a"), (std::vector<Bytes>{"b/1", "b/2"}));
  EXPECT_TRUE(keys(id(1), "b/", "c").empty());
  EXPECT_EQ(keys(id(1), high), (std::vector<Bytes>{high, highest}));
  EXPECT_EQ(keys(id(1), zero), (std::vector<Bytes>{zero, zeros}));
  EXPECT_EQ(keys(id(1), "", "", 2), (std::vector<Bytes>{zero, zeros}));
  EXPECT_EQ(keys(id(2), "b"), (std::vector<Bytes>{"b/3"}));
}

TEST_P(Conformance, the_last_locker_id_scans_as_any) {
  const LockerId last = *LockerId::from(Bytes(16, '\xff'));
  ASSERT_TRUE(apply(put(last, Bytes("\xff", 1), "v")));
  EXPECT_EQ(keys(last, ""), (std::vector<Bytes>{"\xff"}));
  EXPECT_EQ(keys(last, "\xff"), (std::vector<Bytes>{"\xff"}));
}

TEST_P(Conformance, a_visitor_may_call_the_store) {
  ASSERT_TRUE(apply({Shelf::records, id(1), kAnyVersion, {{"a", "1"}, {"b", "2"}}, {}}));
  int seen = 0;
  ASSERT_TRUE(store_->scan(Shelf::records, id(1), "", "", [&](ByteView key, ByteView) {
    EXPECT_TRUE(apply(put(id(2), Bytes(key), "copied")));
    EXPECT_TRUE(get(id(1), "a"));
    return ++seen < 10;
  }));
  EXPECT_EQ(seen, 2);
}

TEST_P(Conformance, lockers_are_listed_page_by_page_without_the_removed) {
  std::vector<LockerChange> changes;
  for (std::uint64_t n = 0; n < 25; ++n) changes.push_back(put(id(n), "k", "v"));
  for (const auto& result : store_->apply(changes)) ASSERT_TRUE(result);
  ASSERT_TRUE(store_->remove(Shelf::records, id(7)));
  ASSERT_TRUE(store_->remove(Shelf::records, id(24)));
  std::vector<LockerId> found;
  for (std::optional<LockerId> after;;) {
    const auto page = store_->list(Shelf::records, after, 4);
    ASSERT_TRUE(page);
    if (page->empty()) break;
    EXPECT_LE(page->size(), 4u);
    found.insert(found.end(), page->begin(), page->end());
    after = page->back();
  }
  EXPECT_EQ(found.size(), 23u);
  EXPECT_TRUE(std::is_sorted(found.begin(), found.end()));
  EXPECT_EQ(std::count(found.begin(), found.end(), id(7)), 0);
  EXPECT_EQ(store_->list(Shelf::records, id(7), 1)->at(0), id(8)) << "resumes after a locker that is gone";
  EXPECT_TRUE(store_->list(Shelf::keys, std::nullopt, 4)->empty());
}

TEST_P(Conformance, items_have_bounds) {
  EXPECT_TRUE(apply(put(id(1), Bytes(kItemKeyBytesMax, 'k'), Bytes(kItemBytesMax, 'v'))));
  EXPECT_EQ(get(id(1), Bytes(kItemKeyBytesMax, 'k'))->size(), kItemBytesMax);
  EXPECT_TRUE(fails(apply(put(id(1), "", "v")), Code::invalid, "storage.item.key"));
  EXPECT_TRUE(fails(apply(put(id(1), "k", Bytes(kItemBytesMax + 1, 'v'))), Code::invalid, "storage.item.size"));
  EXPECT_TRUE(fails(apply({Shelf::records, id(1), kAnyVersion, {}, {""}}), Code::invalid, "storage.item.key"));
  EXPECT_EQ(version(id(1)), 1u);
}

TEST_P(Conformance, shredded_lockers_are_gone_and_can_begin_anew) {
  for (std::uint64_t n = 1; n <= 20; ++n) {
    ASSERT_TRUE(apply(put(id(n), "k", "secret material number " + std::to_string(n), kAnyVersion, Shelf::keys)));
  }
  const std::vector<LockerId> some{id(3), id(5), id(99)};
  ASSERT_TRUE(store_->shred(Shelf::keys, some));
  EXPECT_EQ(get(id(3), "k", Shelf::keys), std::nullopt);
  EXPECT_EQ(version(id(5), Shelf::keys), 0u);
  EXPECT_EQ(get(id(4), "k", Shelf::keys), "secret material number 4");
  EXPECT_TRUE(store_->shred(Shelf::keys, some)) << "again is fine: it may have been cut short";
  std::vector<LockerId> many;
  for (std::uint64_t n = 6; n <= 20; ++n) many.push_back(id(n));
  ASSERT_TRUE(store_->shred(Shelf::keys, many));
  EXPECT_EQ(store_->list(Shelf::keys, std::nullopt, 100)->size(), 3u);
  EXPECT_GT(apply(put(id(3), "k", "new", 0, Shelf::keys)).value(), 1u);
}

TEST_P(Conformance, of_racing_changes_exactly_one_wins_each_version) {
  constexpr int kThreads = 4, kWins = 25;
  std::atomic<int> wins{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int won = 0; won < kWins;) {
        const auto at = store_->version(Shelf::records, id(1));
        ASSERT_TRUE(at);
        const LockerChange change = put(id(1), "by" + std::to_string(*at), std::to_string(t), *at);
        const auto result = store_->apply({&change, 1})[0];
        if (result) {
          ++won, ++wins;
        } else {
          ASSERT_EQ(result.error().slug, "storage.version.conflict");
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wins, kThreads * kWins);
  EXPECT_EQ(version(id(1)), static_cast<Version>(kThreads * kWins));
  EXPECT_EQ(keys(id(1), "by").size(), static_cast<std::size_t>(kThreads * kWins));
}

TEST_P(Conformance, batches_of_many_threads_over_the_same_lockers_all_count) {
  constexpr int kThreads = 4, kRounds = 10;
  constexpr std::uint64_t kLockers = 30;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < kRounds; ++round) {
        std::vector<LockerChange> changes;  // in another order each, which must not deadlock
        for (std::uint64_t n = 0; n < kLockers; ++n) changes.push_back(put(id((n * 7 + t * 11u) % kLockers), "k", "v"));
        for (const auto& result : store_->apply(changes)) ASSERT_TRUE(result);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (std::uint64_t n = 0; n < kLockers; ++n) EXPECT_EQ(version(id(n)), static_cast<Version>(kThreads * kRounds));
}

}  // namespace holdfast::storage
